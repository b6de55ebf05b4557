async () => {
  const kind = (await cloudflare.request({ method: "GET", path: "/user" })).result.name;
  switch (kind) {
    case "a": return cloudflare.request({ method: "GET", path: "/a" });
    case "name-1": await cloudflare.request({ method: "PUT", path: "/b" });
    default: await cloudflare.request({ method: "GET", path: "/c" });
  }
}
