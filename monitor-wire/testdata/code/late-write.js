async () => {
  let method = "GET";
  const later = async () => { await null; return cloudflare.request({ method, path: "/zones/abc" }); };
  const running = later();
  method = "DELETE";
  await running;
}
