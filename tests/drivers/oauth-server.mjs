// A remote MCP server that wants to be signed in to, with its authorization server, on a loopback address.
//
//   node oauth-server.mjs PORT
//
// It has one tool, `echo`. Nobody has to agree to a sign-in: a browser is sent on at once.
import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";

const port = Number(process.argv[2]);
const here = `http://127.0.0.1:${port}`;
const codes = new Map(); // code → challenge
const access = new Set();
const refresh = new Set();

function tokens() {
  // Secrets that the harness looks for in everything that Tripline writes.
  const made = {
    access_token: `tripline-fake-oauth-access-${randomUUID()}`,
    refresh_token: `tripline-fake-oauth-refresh-${randomUUID()}`,
  };
  access.add(made.access_token);
  refresh.add(made.refresh_token);
  return { ...made, token_type: "Bearer", expires_in: 3600 };
}

function token(form) {
  if (form.get("grant_type") === "refresh_token") return refresh.delete(form.get("refresh_token")) && tokens();
  const challenge = codes.get(form.get("code"));
  codes.delete(form.get("code"));
  const proof = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
  return challenge === proof && tokens();
}

const TOOL = {
  name: "echo",
  description: "Says it again.",
  inputSchema: { type: "object", properties: { message: { type: "string" } } },
};

function result({ method, params }) {
  if (method === "initialize") {
    const serverInfo = { name: "signed-in", version: "1.0.0" };
    return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo };
  }
  if (method === "tools/list") return { tools: [TOOL] };
  if (method === "tools/call") return { content: [{ type: "text", text: String(params.arguments.message) }] };
  return {};
}

const ROUTES = {
  "GET /.well-known/oauth-protected-resource": () => ({ resource: `${here}/mcp`, authorization_servers: [here] }),
  "GET /.well-known/oauth-authorization-server": () => ({
    issuer: here,
    authorization_endpoint: `${here}/authorize`,
    token_endpoint: `${here}/token`,
    registration_endpoint: `${here}/register`,
    response_types_supported: ["code"],
    grant_types_supported: ["authorization_code", "refresh_token"],
    code_challenge_methods_supported: ["S256"],
    token_endpoint_auth_methods_supported: ["none"],
  }),
  "POST /register": (_, body) => ({ ...JSON.parse(body), client_id: "tripline-tests", client_id_issued_at: 0 }),
  "GET /authorize": (query) => {
    const back = new URL(query.get("redirect_uri"));
    const code = randomUUID();
    codes.set(code, query.get("code_challenge"));
    back.searchParams.set("code", code);
    if (query.has("state")) back.searchParams.set("state", query.get("state"));
    return { location: back.href };
  },
  "POST /token": (_, body) => token(new URLSearchParams(body)) || { status: 400, error: "invalid_grant" },
};

function mcp(request, body) {
  if (!access.has(request.headers.authorization?.replace(/^Bearer /i, ""))) return { status: 401 };
  if (request.method !== "POST") return { status: 405 };
  const message = JSON.parse(body);
  return message.id === undefined ? { status: 202 } : { jsonrpc: "2.0", id: message.id, result: result(message) };
}

function answer(request, body) {
  const url = new URL(request.url, here);
  if (url.pathname === "/mcp") return mcp(request, body);
  // Metadata may be asked for with the resource's path behind it.
  const path = url.pathname.replace(/^(\/\.well-known\/[^/]+)\/.*$/, "$1");
  return ROUTES[`${request.method} ${path}`]?.(url.searchParams, body) ?? { status: 404 };
}

createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { status, location, ...body } = answer(request, Buffer.concat(chunks).toString("utf8"));
    const headers = { "content-type": "application/json" };
    if (location) headers.location = location;
    const metadata = `${here}/.well-known/oauth-protected-resource`;
    if (status === 401) headers["www-authenticate"] = `Bearer resource_metadata="${metadata}"`;
    const created = request.url === "/register" ? 201 : 200;
    response.writeHead(status ?? (location ? 302 : created), headers);
    response.end(Object.keys(body).length > 0 ? JSON.stringify(body) : undefined);
  });
}).listen(port, "127.0.0.1");
