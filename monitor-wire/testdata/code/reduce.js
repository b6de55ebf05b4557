async () => {
  const path = ["zones", "abc", "dns_records"].reduce((all, part) => all + "/" + part, "");
  return cloudflare.request({ method: "GET", path });
}
