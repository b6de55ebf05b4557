async () => {
  await cloudflare.request({ method: "GET", path: "/zones/../user/./tokens" });
  await cloudflare.request({ method: "POST", path: "/../../client/v4/user/tokens" });
}
