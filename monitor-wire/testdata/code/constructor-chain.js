async () => (async () => {}).constructor("c", "return c.request({ method: 'DELETE', path: '/x' })")(cloudflare)
