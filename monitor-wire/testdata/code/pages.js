async () => {
  let page = 1, all = [], total;
  do {
    const r = await cloudflare.request({ method: "GET", path: `/accounts/${accountId}/d1/database`, query: { page, per_page: 100 } });
    all.push(...r.result);
    total = r.result_info.total_pages;
    page++;
  } while (page <= total);
  return all.length;
}
