async () => {
  let method = "GET";
  for (let i = 0; i < 2; i++) {
    await cloudflare.request({ method, path: "/zones/abc" });
    method = "DELETE";
  }
}
