async () => {
  const path = String.raw`/zones/abc`;
  return cloudflare.request({ method: "GET", path });
}
