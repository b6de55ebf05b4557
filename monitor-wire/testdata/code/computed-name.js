async () => {
  const word = "re" + "quest";
  return cloudflare[word]({ ["met" + "hod"]: "DELETE", ["path"]: "/zones/abc" });
}
