async () => { return cloudflare.request({ method: "GET", path: "/zones" 
