async () => {
  const method = "PUT", path = ["", "accounts", accountId, "workers", "scripts", "x"].join("/"), body = "";
  return cloudflare.request({ method, path, body });
}
