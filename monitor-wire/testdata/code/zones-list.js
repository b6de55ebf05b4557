async () => {
  const zones = await cloudflare.request({ method: "GET", path: "/zones", query: { per_page: 50 } });
  return zones.result.map(zone => zone.name);
}
