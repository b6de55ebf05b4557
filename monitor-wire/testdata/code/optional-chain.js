async () => cloudflare?.request?.({ method: "GET", path: "/zones" })
