async () => {
  const o = { path: "/zones", go() { return cloudflare.request({ method: "GET", path: this.path }); } };
  return o.go();
}
