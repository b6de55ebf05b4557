async () => {
  const conf = { api: { zones: { list: { method: "GET", path: "/zones" } } } };
  return cloudflare.request(conf.api.zones.list);
}
