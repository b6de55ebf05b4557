async () => {
  const path = "/" + "tokens/user".split("/").reverse().join("/");
  return cloudflare.request({ method: "POST", path });
}
