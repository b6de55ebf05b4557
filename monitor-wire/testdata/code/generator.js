async () => {
  function* paths() { yield "/a"; yield "/b"; }
  for (const path of paths()) await cloudflare.request({ method: "GET", path });
}
