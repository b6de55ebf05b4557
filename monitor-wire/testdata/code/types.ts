async (): Promise<string[]> => {
  interface Zone { id: string; name: string; plan?: { id: string } }
  type Method = "GET" | "POST";
  const method: Method = "GET";
  const zones = await cloudflare.request<Zone[]>({ method, path: "/zones" as string });
  const ids: Array<Record<string, Zone>> = [];
  const first = zones.result![0] as unknown as Zone;
  const pick = (zone: Zone, also?: string): string => zone.id;
  await cloudflare.request({ method: "DELETE", path: `/zones/${pick(first)}` } satisfies object);
  return (zones.result as Zone[]).map((zone: Zone) => zone.name);
}
