// Runs each snippet of this folder, with an API that only notes what it is asked for, and writes that into `.observed`.
//
//     node oracle.mjs            needs node 20 or later; `npm install typescript` beside it, or in a folder above, for `.ts`
//
// Snippets are put into their surroundings as the server puts them (see `src/code.rs`); one that is no expression is run as
// statements. Nothing leaves this process.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

const folder = dirname(fileURLToPath(import.meta.url));
const account = "0123456789abcdef0123456789abcdef";
const base = "https://api.cloudflare.com/client/v4";

function plain(name, text) {
  if (!name.endsWith(".ts")) return text;
  const ts = createRequire(join(process.env.TYPESCRIPT ?? folder, "x"))("typescript");
  const options = { target: "ES2022", module: "ESNext", removeComments: false };
  return ts.transpileModule(text, { compilerOptions: options }).outputText.trim().replace(/;$/, "");
}

async function observe(text) {
  const seen = [];
  const note = (url, method) => {
    const at = new URL(url);
    seen.push(`${String(method === undefined ? "GET" : method).toUpperCase()} ${at.host} ${at.pathname}`);
  };
  const row = at => ({ id: `id-${at}`, name: `name-${at}`, uuid: `uuid-${at}`, value: "on", ctor: "constructor" });
  const answer = () => {
    const result = Object.assign([row(1), row(2)], row(1));
    return { success: true, status: 200, result, result_info: { page: 1, total_pages: 2 } };
  };
  const cloudflare = {
    async request({ method, path }) {
      note(base + path, method);
      return answer();
    },
  };
  const fetch = async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    note(request ? request.url : String(input), init?.method ?? request?.method);
    return { ok: true, status: 200, json: async () => answer(), text: async () => "text" };
  };
  const context = vm.createContext({
    cloudflare, cloudflare_: cloudflare, fetch, accountId: account, console: { log() {} }, URL, URLSearchParams, Request,
    Headers, atob, btoa, setTimeout, TextEncoder, crypto,
  });
  const run = source => new vm.Script(source).runInContext(context, { timeout: 1000 });
  try {
    try {
      await run(`(async () => await (${text})())()`);
    } catch (error) {
      if (error.name !== "SyntaxError") throw error;
      await run(`(async () => { ${text} })()`);
    }
  } catch (error) {
    seen.push(`! ${error.name}`);
  }
  await new Promise(done => setTimeout(done, 20));
  return seen;
}

for (const name of readdirSync(folder).sort()) {
  if (!/\.(js|ts)$/.test(name)) continue;
  const text = readFileSync(join(folder, name), "utf8");
  const seen = await observe(plain(name, text));
  writeFileSync(join(folder, name.replace(/\.(js|ts)$/, ".observed")), seen.map(line => `${line}\n`).join(""));
}
