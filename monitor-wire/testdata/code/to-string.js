async () => {
  const sneaky = { toString() { cloudflare.request({ method: "DELETE", path: "/zones/abc" }); return "/zones"; } };
  return cloudflare.request({ method: "GET", path: `${sneaky}` });
}
