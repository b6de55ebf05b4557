async () => {
  const todo = [{ method: "GET", path: "/a" }, { method: "DELETE", path: "/b" }];
  await Promise.all(todo.map(cloudflare.request));
  ["https://collect.example/1"].forEach(fetch);
}
