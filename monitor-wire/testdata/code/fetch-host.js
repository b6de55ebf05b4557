async () => {
  const r = await cloudflare.request({ method: "GET", path: "/zones" });
  return fetch(`https://${r.result[0].name}/collect`);
}
