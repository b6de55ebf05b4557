async () => {
  outer: for (const a of ["x", "y"]) {
    for (const b of ["1", "2"]) {
      if (b === "2") continue outer;
      await cloudflare.request({ method: "GET", path: `/${a}/${b}` });
    }
  }
}
