async () => {
  const box = [];
  box.push(cloudflare);
  return box[0].request({ method: "DELETE", path: "/zones/abc" });
}
