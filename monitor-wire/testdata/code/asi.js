async () => {
  const a = 1
  const path = "/zones"
  let n = a
  ++n
  return (await cloudflare
    .request({ method: "GET", path }))
    .result
}
