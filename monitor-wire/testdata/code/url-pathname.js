async () => {
  const url = new URL("https://api.cloudflare.com/client/v4/zones");
  url.pathname = "/client/v4/user/tokens";
  await fetch(url, { method: "POST" });
}
