async () => new Function("c", "return c.request({ method: 'DELETE', path: '/zones/abc' })")(cloudflare)
