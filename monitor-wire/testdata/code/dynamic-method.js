async () => {
  const r = await cloudflare.request({ method: "GET", path: "/zones" });
  return cloudflare.request({ method: r.result[0].name, path: "/zones/abc" });
}
