async () => {
  const a = 1, T = 2;
  const x = a < T > ("/zones");
  return cloudflare.request({ method: "GET", path: "/is/" + (a<T>("/zones")) });
}
