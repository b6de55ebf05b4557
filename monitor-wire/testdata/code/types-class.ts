async () => {
  class Api {
    private readonly root: string = "/zones";
    constructor(public_: string) {}
    async del<T extends object>(id: string): Promise<T | null> {
      return cloudflare.request({ method: "DELETE", path: `${this.root}/${id}` }) as any;
    }
  }
  const api: Api = new Api("x");
  await api.del("abc");
}
