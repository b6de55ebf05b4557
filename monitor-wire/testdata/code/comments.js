/* cloudflare.request({ method: "DELETE", path: "/zones/a" }) */
async () => {
  // cloudflare.request({ method: "DELETE", path: "/zones/b" })
  return cloudflare /* . */ . request({ method: "GET", /* method: "PUT", */ path: "/zones" }); // end
}
