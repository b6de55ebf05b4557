async () => {
  const box = new Map([["c", cloudflare]]);
  return box.get("c").request({ method: "DELETE", path: "/zones/abc" });
}
