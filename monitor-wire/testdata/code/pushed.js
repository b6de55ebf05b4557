async () => {
  const paths = [];
  paths.push("/a");
  paths.push("/b");
  for (const path of paths) await cloudflare.request({ method: "GET", path });
}
