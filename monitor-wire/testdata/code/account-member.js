async () => cloudflare.request({
  method: "POST",
  path: `/accounts/${accountId}/members`,
  body: { email: "someone@example.com", roles: ["33666b9c79b9a5273fc7344ff42f953d"], status: "accepted" },
})
