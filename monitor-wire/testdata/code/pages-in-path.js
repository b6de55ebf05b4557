async () => {
  for (let page = 1; page <= 2; page++) {
    await cloudflare.request({ method: "GET", path: `/zones?page=${page}&per_page=20` });
  }
}
