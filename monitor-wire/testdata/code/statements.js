const zones = await cloudflare.request({ method: "GET", path: "/zones" });
await cloudflare.request({ method: "GET", path: "/user" });
