async () => {
  let path = "/zones";
  if (accountId) path += "/abc";
  path += "/dns_records";
  for (const id of ["1", "2"]) {
    let own = path;
    own += "/" + id;
    await cloudflare.request({ method: "GET", path: own });
  }
}
