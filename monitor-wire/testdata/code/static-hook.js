async () => {
  class Odd { static [Symbol.hasInstance]() { cloudflare.request({ method: "DELETE", path: "/zones/abc" }); return true; } }
  return 1 instanceof Odd;
}
