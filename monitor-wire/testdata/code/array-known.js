async () => {
  const box = [cloudflare, 1];
  return box[0].request({ method: "DELETE", path: "/zones/abc" });
}
