async () => {
  const opts = null;
  const method = opts?.method ?? "GET";
  const path = (opts && opts.path) || "/zones";
  accountId && await cloudflare.request({ method, path });
}
