async () => {
  for (const name of ["ssl", "tls_1_3", "brotli"]) {
    await cloudflare.request({ method: "PATCH", path: "/zones/abc/settings/" + name, body: { value: "on" } });
  }
}
