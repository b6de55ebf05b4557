async () => {
  const zoneId = "023e105f4ecef8ad9ca31a8372d0c353";
  const record = { type: "A", name: "www", content: "192.0.2.1", proxied: true };
  return await cloudflare.request({
    method: "POST",
    path: `/zones/${zoneId}/dns_records`,
    body: record,
  });
}
