async () => {
  const todo = { "/a": "GET", "/b": "POST" };
  for (const [path, method] of Object.entries(todo)) await cloudflare.request({ method, path });
  for (const path in todo) await cloudflare.request({ method: "PUT", path });
}
