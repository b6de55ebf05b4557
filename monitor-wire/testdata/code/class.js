async () => {
  class Api {
    base = "/accounts/" + accountId;
    constructor(kind) { this.kind = kind; }
    #path(rest) { return `${this.base}/${rest}`; }
    list() { return cloudflare.request({ method: "GET", path: this.#path("workers/scripts") }); }
    static verify() { return cloudflare.request({ method: "GET", path: "/user/tokens/verify" }); }
  }
  await Api.verify();
  return new Api("x").list();
}
