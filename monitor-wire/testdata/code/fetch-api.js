async () => {
  await fetch("https://api.cloudflare.com/client/v4/zones/abc", { method: "DELETE" });
  await fetch(`https://api.cloudflare.com/client/v4/accounts/${accountId}/members`, { method: "POST", body: JSON.stringify({ email: "x@example.com" }) });
  return fetch("https://api.cloudflare.com/client/v4/user/tokens/verify");
}
