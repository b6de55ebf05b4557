async () => {
  const send = ({ verb: method, to: path = "/default" }, ...more) => cloudflare.request({ method, path });
  await send({ verb: "PUT", to: "/x" });
  await send({ verb: "POST" }, 1, 2);
}
