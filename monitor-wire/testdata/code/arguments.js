async () => {
  function send() { return cloudflare.request(arguments[0]); }
  return send({ method: "DELETE", path: "/zones/abc" });
}
