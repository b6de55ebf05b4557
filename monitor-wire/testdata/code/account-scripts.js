async () => {
  const { result } = await cloudflare.request({ method: "GET", path: `/accounts/${accountId}/workers/scripts` });
  return result;
}
