async () => {
  const m = await import("node:path").catch(() => null);
  return m && 1;
}
