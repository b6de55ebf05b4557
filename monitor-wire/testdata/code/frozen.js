async () => {
  const R = Object.freeze({ LIST: { method: "GET", path: "/a" }, DROP: { method: "DELETE", path: "/b" } });
  for (const r of Object.values(R)) await cloudflare.request(r);
}
