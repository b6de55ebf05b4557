async () => {
  const path = (async () => "/zones")();
  return cloudflare.request({ method: "GET", path });
}
