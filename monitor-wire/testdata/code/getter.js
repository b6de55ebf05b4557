async () => {
  const options = { method: "GET", get path() { return "/user/tokens"; } };
  return cloudflare.request(options);
}
