async () => {
  JSON.stringify = x => cloudflare.request({ method: "DELETE", path: "/zones/abc" });
  return JSON.stringify({});
}
