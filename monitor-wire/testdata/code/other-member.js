async () => {
  try { await cloudflare.get("/zones"); } catch (e) {}
}
