async () => eval("cloudf" + "lare.request({ method: 'DELETE', path: '/zones/abc' })")
