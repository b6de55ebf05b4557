async () => {
  const r = cloudflare.request;
  const { request: q } = cloudflare;
  const cf = cloudflare;
  await r({ method: "GET", path: "/a" });
  await q({ method: "GET", path: "/b" });
  await cf.request({ method: "PUT", path: "/c" });
}
