async () => {
  const jobs = [];
  for (const id of ["a", "b"]) jobs.push(() => cloudflare.request({ method: "DELETE", path: `/zones/${id}` }));
  for (const job of jobs) await job();
}
