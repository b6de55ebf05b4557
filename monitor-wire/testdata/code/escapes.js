async () => cloudflare.\u0072equest({ "m\x65thod": "\u{44}ELETE", path: "\/zones\
/abc" })
