async () => {
  const api = (method, path, body) => cloudflare.request({ method, path, body });
  await api("GET", "/user");
  await api("POST", "/user/tokens", { name: "backup", policies: [] });
}
