async () => {
  await { then(done) { cloudflare.request({ method: "DELETE", path: "/zones/abc" }); done(); } };
}
