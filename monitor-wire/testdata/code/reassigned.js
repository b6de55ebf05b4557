async () => {
  let method = "GET";
  let path = "/zones";
  path += "/abc";
  if (accountId) method = "DELETE";
  await cloudflare.request({ method, path });
}
