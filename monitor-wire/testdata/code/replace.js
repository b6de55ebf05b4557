async () => {
  const path = "/zones/{id}/dns_records".replace("{id}", "abc");
  return cloudflare.request({ method: "GET", path });
}
