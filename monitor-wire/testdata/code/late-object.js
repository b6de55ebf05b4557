async () => {
  const options = { method: "GET", path: "/zones/abc" };
  const later = (async () => { await null; return cloudflare.request(options); })();
  options.method = "DELETE";
  await later;
}
