async () => {
  async function call(path, { method = "GET", body } = {}) {
    return (await cloudflare.request({ method, path, body })).result;
  }
  await call("/memberships");
  await call("/zones/abc", { method: "DELETE" });
}
