async () => {
  const dbs = await cloudflare.request({ method: "GET", path: `/accounts/${accountId}/d1/database` });
  const db = dbs.result.find(d => d.name === "app");
  const id = db?.uuid ?? dbs.result[0].id;
  return cloudflare.request({ method: "POST", path: `/accounts/${accountId}/d1/database/${id}/query`, body: { sql: "SELECT 1" } });
}
