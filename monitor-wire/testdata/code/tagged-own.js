async () => {
  const del = (texts, id) => cloudflare.request({ method: "DELETE", path: texts[0] + id });
  return del`/zones/${"abc"}`;
}
