async () => {
  try {
    return await cloudflare.request({ method: "GET", path: "/accounts/x/r2/buckets/logs" });
  } catch (error) {
    return await cloudflare.request({ method: "POST", path: "/accounts/x/r2/buckets", body: { name: "logs" } });
  } finally {
    await cloudflare.request({ method: "GET", path: "/ips" });
  }
}
