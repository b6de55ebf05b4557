async () => Promise.all(["a", "b"].map(name =>
  cloudflare.request({ method: "DELETE", path: `/accounts/${accountId}/workers/scripts/${name}` })))
