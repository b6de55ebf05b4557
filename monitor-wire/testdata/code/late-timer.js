async () => {
  let path = "/a";
  await new Promise(done => { setTimeout(() => { cloudflare.request({ method: "GET", path }); done(); }, 0); path = "/b"; });
}
