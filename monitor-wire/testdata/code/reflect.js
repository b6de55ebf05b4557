async () => Reflect.apply(cloudflare.request, cloudflare, [{ method: "DELETE", path: "/zones/abc" }])
