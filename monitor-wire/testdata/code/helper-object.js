async () => {
  const api = {
    get: path => cloudflare.request({ method: "GET", path }),
    del(path) { return cloudflare.request({ method: "DELETE", path }); },
  };
  await api.get("/zones");
  await api.del("/zones/abc/dns_records/def");
}
