async () => {
  const r = await cloudflare.request({ method: "GET", path: "/zones/abc" });
  if (!r.success) return null;
  return cloudflare.request({ method: "DELETE", path: "/zones/abc" });
}
