async () => {
  const query = `query { viewer { zones(filter: { zoneTag: "abc" }) { firewallEventsAdaptive(limit: 10) { action } } } }`;
  return cloudflare.request({ method: "POST", path: "/graphql", body: { query, variables: {} } });
}
