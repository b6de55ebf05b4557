async () => {
  const r = await cloudflare.request({ method: "GET", path: "/zones" });
  return cloudflare.request({ method: "DELETE", path: "/" + r.result[0].name + "/abc" });
}
