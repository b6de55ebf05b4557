async () => {
  let g = 1, re = 1
  const f = function () {}
  /cloudflare.request({ method: "DELETE", path: "/zones/abc" })/g
  return 1;
}
