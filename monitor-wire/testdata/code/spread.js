async () => {
  const base = { method: "POST", contentType: "application/json" };
  const target = { ...base, path: "/zones/abc/purge_cache", body: { purge_everything: true } };
  await cloudflare.request({ ...target });
  await cloudflare.request({ ...target, method: "GET" });
}
