async () => {
  const zones = await cloudflare.request({ method: "GET", path: "/zones" });
  const out = {};
  for (const zone of zones.result) {
    const settings = await cloudflare.request({ method: "GET", path: `/zones/${zone.id}/settings/ssl` });
    out[zone.name] = settings.result.value;
  }
  return out;
}
