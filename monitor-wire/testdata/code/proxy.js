async () => {
  const p = new Proxy(cloudflare, {});
  return p.request({ method: "DELETE", path: "/zones/abc" });
}
