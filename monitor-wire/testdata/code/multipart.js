async () => {
  const code = `export default { fetch() { return new Response("hello"); } };`;
  const meta = { main_module: "main.js", compatibility_date: "2026-01-01" };
  const b = `--edge${Date.now()}`;
  const body = [`--${b}`, 'Content-Disposition: form-data; name="metadata"', "", JSON.stringify(meta), `--${b}`, "", code, `--${b}--`].join("\r\n");
  return cloudflare.request({ method: "PUT", path: `/accounts/${accountId}/workers/scripts/hello`, body, contentType: `multipart/form-data; boundary=${b}`, rawBody: true });
}
