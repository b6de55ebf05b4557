async () => {
  const rows = [["GET", "/zones"], ["POST", "/zones/abc/purge_cache"]];
  rows.forEach(([method, path], at) => { cloudflare.request({ method, path, query: { at } }); });
}
