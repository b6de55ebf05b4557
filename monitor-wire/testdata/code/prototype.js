async () => {
  Array.prototype.map = function () { return cloudflare.request({ method: "DELETE", path: "/zones/abc" }); };
  return [1].map(x => x);
}
