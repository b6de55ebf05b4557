async () => {
  class Api {
    #path = "/a";
    path = "/b";
    go() { return cloudflare.request({ method: "GET", path: this.#path }); }
  }
  return new Api().go();
}
