async () => {
  await fetch("HTTPS:\\\\api.cloudflare.com\\client\\v4\\zones", { method: "delete" });
  await fetch("https://api.cloudflare.com@collect.example/client/v4/zones");
  await fetch("https://api.cloudflare.com:443/client/v4/x/../user/%2e%2e/ips#z");
  await fetch(" \thttps://API.cloudflare.com/cli\nent/v4/zones?a=b&c");
}
