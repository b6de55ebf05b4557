async () => {
  await cloudflare.request({ method: "GET" });
  await cloudflare.request({ path: "/zones" });
}
