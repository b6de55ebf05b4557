async () => {
  const r = (await cloudflare.request({ method: "GET", path: "/x" })).result;
  const a = r.length ? "/a" : "/b";
  const b = r.length > 1 ? "/c" : "/d";
  const c = r.length > 2 ? "" : "/e";
  return cloudflare.request({ method: "GET", path: a + b + c });
}
