async () => {
  const k = ["const", "ructor"].join("");
  const F = (() => 0)[k];
  return F("c", "return c.request({ method: 'DELETE', path: '/x' })")(cloudflare);
}
