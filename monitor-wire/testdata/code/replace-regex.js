async () => {
  const path = "/zonesX/abc".replace(/X/g, "");
  return cloudflare.request({ method: "DELETE", path });
}
