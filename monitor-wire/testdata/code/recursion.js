async () => {
  const walk = async (at) => {
    await cloudflare.request({ method: "GET", path: `/walk/${at}` });
    if (at < 3) await walk(at + 1);
  };
  await walk(0);
}
