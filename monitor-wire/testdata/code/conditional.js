async () => {
  const user = await cloudflare.request({ method: "GET", path: "/user" });
  if (user.result.two_factor) {
    return cloudflare.request({ method: "GET", path: "/user/tokens" });
  } else {
    return cloudflare.request({ method: "POST", path: "/user/tokens", body: { name: "x" } });
  }
}
