async () => {
  const dry = Date.now() > 0;
  return cloudflare.request({ method: dry ? "GET" : "DELETE", path: dry ? "/zones/a" : `/zones/b` });
}
