async () => {
  let path;
  path = "/zones";
  const options = {};
  options.method = "POST";
  options.path = path;
  return cloudflare.request(options);
}
