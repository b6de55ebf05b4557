// A stand-in for https://api.cloudflare.com and https://dash.cloudflare.com on a loopback address, with its own CA.
//
//   node fake-cloudflare.mjs ADDRESS PORT FOLDER
//
// Certificates are made in FOLDER (ca.pem is what NODE_EXTRA_CA_CERTS wants); every request is one line of JSON in
// FOLDER/requests.ndjson. Prints one line of JSON when it listens. It keeps what was put, so that a later get answers
// it; the shapes are those of the public API, as far as @cloudflare/mcp-server-cloudflare 0.2.0 looks at them.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";

const HOSTS = ["api.cloudflare.com", "dash.cloudflare.com"];
const [address, port, folder] = process.argv.slice(2);
const state = { scripts: new Map(), kv: new Map(), objects: new Map(), databases: [], secrets: new Map() };

function certificates() {
  const at = (name) => join(folder, name);
  if (existsSync(at("leaf.pem"))) return;
  mkdirSync(folder, { recursive: true });
  const openssl = (...words) => execFileSync("openssl", words, { stdio: ["ignore", "ignore", "pipe"] });
  const key = (name) => openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", at(name));
  key("ca.key");
  openssl("req", "-x509", "-new", "-key", at("ca.key"), "-days", "2", "-subj", "/CN=Tripline test CA", "-out", at("ca.pem"));
  key("leaf.key");
  openssl("req", "-new", "-key", at("leaf.key"), "-subj", `/CN=${HOSTS[0]}`, "-out", at("leaf.csr"));
  writeFileSync(at("leaf.ext"), `subjectAltName=${HOSTS.map((host) => `DNS:${host}`).join(",")}\n`);
  openssl("x509", "-req", "-in", at("leaf.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial",
    "-days", "2", "-extfile", at("leaf.ext"), "-out", at("leaf.pem"));
}

const ok = (result, more = {}) => ({ success: true, errors: [], messages: [], result, ...more });
const raw = (text, type = "text/plain") => ({ raw: text, type });
const missing = (what) => ({ status: 404, body: { success: false, errors: [{ code: 10007, message: `${what} not found` }], messages: [], result: null } });
const page = (items) => ok(items, { result_info: { page: 1, per_page: 20, count: items.length, total_count: items.length } });
const now = () => new Date().toISOString();

// [method, pattern of the path below /client/v4, answer]; {} in a pattern is one path segment.
const ROUTES = [
  ["GET", "/user/tokens/verify", () => ok({ id: "f".repeat(32), status: "active" })],
  ["GET", "/user", () => ok({ id: "a".repeat(32), email: "dev@example.com" })],
  ["GET", "/accounts", () => page([{ id: "0123456789abcdef0123456789abcdef", name: "Example" }])],
  ["GET", "/memberships", () => page([])],
  ["GET", "/zones", () => page([{ id: "b".repeat(32), name: "example.com", status: "active" }])],
  ["GET", "/zones/{}", (zone) => ok({ id: zone, name: "example.com", status: "active", paused: false })],
  ["GET", "/zones/{}/workers/routes", () => page([])],
  ["POST", "/zones/{}/workers/routes", () => ok({ id: "c".repeat(32) })],
  ["GET", "/accounts/{}/workers/scripts", () => page([...state.scripts.keys()].map((name) => ({ id: name, name, modified_on: now() })))],
  ["GET", "/accounts/{}/workers/scripts/{}", (_, name) => state.scripts.has(name) ? raw(state.scripts.get(name), "application/javascript") : missing("script")],
  ["PUT", "/accounts/{}/workers/scripts/{}", (_, name, body) => (state.scripts.set(name, body), ok({ id: name, etag: "1", modified_on: now() }))],
  ["DELETE", "/accounts/{}/workers/scripts/{}", (_, name) => state.scripts.delete(name) ? ok(null) : missing("script")],
  ["POST", "/accounts/{}/workers/scripts/{}/subdomain", () => ok({ enabled: true })],
  ["GET", "/accounts/{}/workers/scripts/{}/schedules", () => ok({ schedules: [] })],
  ["PUT", "/accounts/{}/workers/scripts/{}/schedules", () => ok({ schedules: [] })],
  ["GET", "/accounts/{}/workers/scripts/{}/secrets", () => page([])],
  ["PUT", "/accounts/{}/workers/scripts/{}/secrets", () => ok({ name: "SECRET", type: "secret_text" })],
  ["GET", "/accounts/{}/workers/scripts/{}/versions", () => ok({ items: [] })],
  ["GET", "/accounts/{}/workers/domains", () => page([])],
  ["GET", "/accounts/{}/storage/kv/namespaces", () => page([{ id: "d".repeat(32), title: "cache" }])],
  ["GET", "/accounts/{}/storage/kv/namespaces/{}/keys", () => page([...state.kv.keys()].map((name) => ({ name })))],
  ["GET", "/accounts/{}/storage/kv/namespaces/{}/values/{}", (_, __, key) => state.kv.has(key) ? raw(state.kv.get(key)) : missing("key")],
  ["PUT", "/accounts/{}/storage/kv/namespaces/{}/values/{}", (_, __, key, body) => (state.kv.set(key, body), ok(null))],
  ["DELETE", "/accounts/{}/storage/kv/namespaces/{}/values/{}", (_, __, key) => (state.kv.delete(key), ok(null))],
  ["GET", "/accounts/{}/r2/buckets", () => ok({ buckets: [{ name: "assets", creation_date: now() }] })],
  ["POST", "/accounts/{}/r2/buckets", () => ok({ name: "assets", creation_date: now() })],
  ["DELETE", "/accounts/{}/r2/buckets/{}", () => ok(null)],
  ["GET", "/accounts/{}/r2/buckets/{}/objects", () => ok({ objects: [...state.objects.keys()].map((key) => ({ key, size: 1 })) })],
  ["GET", "/accounts/{}/r2/buckets/{}/objects/{}", (_, __, key) => state.objects.has(key) ? raw(state.objects.get(key)) : missing("object")],
  ["PUT", "/accounts/{}/r2/buckets/{}/objects/{}", (_, __, key, body) => (state.objects.set(key, body), ok({ key }))],
  ["DELETE", "/accounts/{}/r2/buckets/{}/objects/{}", (_, __, key) => (state.objects.delete(key), ok(null))],
  ["GET", "/accounts/{}/d1/database", () => page(state.databases)],
  ["POST", "/accounts/{}/d1/database", () => (state.databases.push({ uuid: "e".repeat(32), name: "main" }), ok(state.databases.at(-1)))],
  ["POST", "/accounts/{}/d1/database/{}/query", () => ok([{ results: [{ one: 1 }], success: true, meta: { changes: 0 } }])],
  ["DELETE", "/accounts/{}/d1/database/{}", () => ok(null)],
  ["GET", "/accounts/{}/queues", () => page([])],
  ["POST", "/accounts/{}/queues/{}/messages", () => ok({})],
  ["GET", "/accounts/{}/workers/durable_objects/namespaces", () => page([])],
  ["GET", "/accounts/{}/ai/models", () => page([])],
  ["POST", "/graphql", () => ({ data: { viewer: { zones: [], accounts: [] } }, errors: null })],
];

const compiled = ROUTES.map(([method, pattern, answer]) => [method, new RegExp(`^${pattern.replaceAll("{}", "([^/]+)")}$`), answer]);

function answer(method, url, body) {
  const path = new URL(url, "https://host.invalid").pathname;
  if (path === "/oauth2/token") {
    return { access_token: "fake-refreshed-access-token", expires_in: 3600, refresh_token: "fake-refreshed-refresh-token", scope: "account:read" };
  }
  for (const [known, pattern, reply] of compiled) {
    const found = known === method && path.replace(/^\/client\/v4/, "").match(pattern);
    if (found) return reply(...found.slice(1).map(decodeURIComponent), body);
  }
  return missing(`route ${method} ${path}`);
}

certificates();
const tls = { key: readFileSync(join(folder, "leaf.key")), cert: readFileSync(join(folder, "leaf.pem")) };
const server = createServer(tls, (request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString("utf8");
    const reply = answer(request.method, request.url, body);
    // Of the credential only a digest, to tell which one came; of the body only its size.
    const authorization = request.headers.authorization ?? "";
    const digest = authorization && createHash("sha256").update(authorization).digest("hex").slice(0, 16);
    const line = { host: request.headers.host, method: request.method, path: request.url, digest, bytes: body.length, status: reply.status ?? 200 };
    appendFileSync(join(folder, "requests.ndjson"), `${JSON.stringify(line)}\n`);
    response.writeHead(reply.status ?? 200, { "content-type": reply.type ?? "application/json" });
    response.end(reply.raw ?? JSON.stringify(reply.body ?? reply));
  });
});
server.listen(Number(port), address, () => console.log(JSON.stringify({ ready: true, address, port: Number(port) })));
