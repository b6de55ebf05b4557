async () => {
  const parts = ["zones"];
  parts.join = () => "/user/tokens";
  return cloudflare.request({ method: "POST", path: parts.join("/") });
}
