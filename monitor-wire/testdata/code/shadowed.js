async () => {
  const mine = { request: options => options.path };
  const run = cloudflare => cloudflare.request({ method: "DELETE", path: "/zones/abc" });
  return run(mine);
}
