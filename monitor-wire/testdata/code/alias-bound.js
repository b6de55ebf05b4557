async () => {
  const r = cloudflare.request.bind(cloudflare);
  await r({ method: "POST", path: "/a" });
  await cloudflare.request.call(null, { method: "POST", path: "/b" });
  await cloudflare.request.apply(cloudflare, [{ method: "POST", path: "/c" }]);
}
