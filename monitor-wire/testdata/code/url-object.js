async () => {
  const url = new URL("/client/v4/zones", "https://api.cloudflare.com");
  url.searchParams.set("name", "example.com");
  await fetch(url);
  const request = new Request("https://api.cloudflare.com/client/v4/user", { method: "PATCH" });
  await fetch(request);
  await fetch(request, { method: "GET" });
}
