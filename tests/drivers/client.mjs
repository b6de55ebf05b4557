// The client's side of a test, on the official TypeScript SDK: starts a server and does what it is told.
//
//   node client.mjs [OPTION…] COMMAND [ARGUMENT…]   orders on standard input, reports on standard output, in lines of JSON
//
// It speaks over stdio, else
//   --streamable-http URL, --http-sse URL     by HTTP, once the server listens at that port; its standard input is closed,
//                                             and its standard output goes where standard error does
//   --after FILE                              and not before this file is there
//
// Orders {"id":1,"op":…}:
//   list                                      tools/list
//   call    tool, params                      tools/call; params is everything beside the name (arguments, input, _meta)
//   cancel  ref                               notifications/cancelled for the call with that order id
//   request method, params                    any other request
//   close                                     end the server's standard input, or the session and by SIGTERM the server, and
//                                             wait until it has gone
// Reports: {"event":"ready","pid":…} once connected, {"id":…,"ok":…,"result"|"error":…} for each order in the order of
// completion, {"event":"closed"} at the end. Several calls may be open at once.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { createInterface } from "node:readline";
import { httpServer, option } from "./http-server.mjs";

const words = process.argv.slice(2);
const url = { streamable: option(words, "--streamable-http"), sse: option(words, "--http-sse") };
const after = option(words, "--after");
const [command, ...args] = words;
const report = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const client = new Client({ name: "tripline-tests", version: "1.0.0" }, { capabilities: {} });
// Servers do print lines that are not messages; a client goes on.
client.onerror = (error) => report({ event: "noise", error: String(error.message).slice(0, 200) });
const gone = () => report({ event: "gone" });

// A server that the client is connected to: its PID, and how to end it.
async function connected() {
  if (!url.streamable && !url.sse) {
    const transport = new StdioClientTransport({ command, args, env: { ...process.env }, stderr: "inherit" });
    client.onclose = gone;
    await client.connect(transport, { timeout: 60_000 });
    return { pid: transport.pid, end: () => client.close() };
  }
  const at = new URL(url.streamable ?? url.sse);
  const server = await httpServer(command, args, at, after, gone);
  const transport = url.streamable ? new StreamableHTTPClientTransport(at) : new SSEClientTransport(at);
  try {
    await client.connect(transport, { timeout: 60_000 });
  } catch (error) {
    await server.end();
    throw error;
  }
  return {
    pid: server.pid,
    end: async () => {
      await transport.terminateSession?.();
      await client.close();
      await server.end();
    },
  };
}

const running = new Map();
const open = [];

const ORDERS = {
  list: () => client.request({ method: "tools/list", params: {} }, ResultSchema),
  call: ({ id, tool, params }) => request(id, "tools/call", { name: tool, arguments: {}, ...params }),
  cancel: ({ ref }) => running.get(ref)?.abort("cancelled by the test"),
  request: ({ id, method, params }) => request(id, method, params ?? {}),
};

function request(id, method, params) {
  const abort = new AbortController();
  running.set(id, abort);
  return client.request({ method, params }, ResultSchema, { signal: abort.signal, timeout: 60_000 });
}

async function obey(order) {
  try {
    report({ id: order.id, ok: true, result: (await ORDERS[order.op](order)) ?? null });
  } catch (error) {
    report({ id: order.id, ok: false, error: String(error?.message ?? error) });
  } finally {
    running.delete(order.id);
  }
}

let server;
try {
  server = await connected();
} catch (error) {
  report({ event: "failed", error: String(error?.message ?? error) });
  process.exit(1);
}
report({ event: "ready", pid: server.pid, server: client.getServerVersion() ?? null });
for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const order = JSON.parse(line);
  if (order.op === "close") break;
  open.push(obey(order));
}
await Promise.allSettled(open);
await server.end();
report({ event: "closed" });
