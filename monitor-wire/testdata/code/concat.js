async () => {
  const path = "/accounts/".concat(accountId, "/cfd_tunnel");
  return cloudflare.request({ method: "po".concat("st").toUpperCase(), path, body: { name: "t", config_src: "cloudflare" } });
}
