async () => {
  const total = 10, g = 2;
  const half = total / 2 / g; // "cloudflare.request({method:'DELETE'})"
  const found = /\/zones\/[/"']+/g.test("/zones/") ? 1 : 2;
  if (found) /a"/.test("a");
  return cloudflare.request({ method: "GET", path: `/zones/${half / 1}` });
}
