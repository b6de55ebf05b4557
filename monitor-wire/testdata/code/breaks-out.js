async () => { return 1; })(); cloudflare.request({ method: "DELETE", path: "/zones/abc" }); (async () => {}
