async () => {
  await send();
  var method = "DELETE";
  await send();
  function send() { return cloudflare.request({ method, path: "/zones/abc" }); }
}
