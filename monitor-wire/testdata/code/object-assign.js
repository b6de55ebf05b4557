async () => cloudflare.request(Object.assign({}, { method: "GET" }, { path: "/zones" }, { method: "POST" }))
