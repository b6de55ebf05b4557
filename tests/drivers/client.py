"""The client's side of a test, on the official Python SDK; orders and reports are those of client.mjs.

    client.py [OPTION…] COMMAND [ARGUMENT…]
"""

import contextlib
import json
import os
import subprocess
import sys
import time

import anyio
from anyio import to_thread
from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

LISTEN = "0A"  # TCP_LISTEN (include/net/tcp_states.h)


def report(**line):
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


def child():
    """The server's PID, which the SDK keeps to itself: it is this process's only child."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == os.getpid():
                    return int(entry)
        except OSError:
            continue
    return None


def option(words, name):
    return words.pop(0) and words.pop(0) if words[0] == name else None


def listens(port):
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(path) as file:
            if any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == LISTEN for line in file):
                return True
    return False


@contextlib.contextmanager
def http_server(command, url, after):
    """A server that listens; nobody connects to it to see whether it does."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    # Its standard output must not get among the reports.
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) as process:
        try:
            end = time.monotonic() + 30
            while not (listens(port) and (after is None or os.path.exists(after))):
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("the server never listened")
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()


def plain(result):
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


async def carry_out(client, order):
    if order["op"] == "list":
        return plain(await client.list_tools())
    params = order.get("params", {})
    if order["op"] == "call":
        return plain(await client.call_tool(order["tool"], params.get("arguments", {})))
    if order["op"] == "request" and order["method"] == "resources/read":
        return plain(await client.read_resource(params["uri"]))
    if order["op"] == "request" and order["method"] == "resources/list":
        return plain(await client.list_resources())
    raise ValueError(f"this client does not know {order}")


async def obey(client, order, running):
    scope = running[order["id"]] = anyio.CancelScope()
    line = {"id": order["id"], "ok": False, "error": "cancelled by the test"}
    with scope:
        try:
            line = {"id": order["id"], "ok": True, "result": await carry_out(client, order)}
        except Exception as error:  # noqa: BLE001 - the test decides what an error means
            line = {"id": order["id"], "ok": False, "error": f"{type(error).__name__}: {error}"}
    running.pop(order["id"], None)
    report(**line)


async def main():
    words = sys.argv[1:]
    streamable, sse, after = (option(words, name) for name in ("--streamable-http", "--http-sse", "--after"))
    if not streamable and not sse:
        command, *args = words
        await serve(stdio_client(StdioServerParameters(command=command, args=args, env=dict(os.environ))))
    else:
        with http_server(words, streamable or sse, after):
            await serve(streamable_http_client(streamable) if streamable else sse_client(sse))
    report(event="closed")


async def serve(transport):
    running = {}
    async with Client(transport, mode=os.environ.get("TRIPLINE_TEST_MCP_MODE", "auto")) as client:
        report(event="ready", pid=child(), protocol=client.protocol_version)
        async with anyio.create_task_group() as tasks:
            while line := await to_thread.run_sync(sys.stdin.readline):
                order = json.loads(line)
                if order["op"] == "close":
                    break
                if order["op"] == "cancel":
                    if order["ref"] in running:
                        running[order["ref"]].cancel()
                    continue
                tasks.start_soon(obey, client, order, running)


anyio.run(main)
