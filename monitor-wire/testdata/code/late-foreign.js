async () => {
  let path = "/a";
  const change = async () => { await null; path = "/b"; };
  const changing = change();
  path = "/c";
  await changing;
  return cloudflare.request({ method: "GET", path });
}
