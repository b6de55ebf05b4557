"""The client's side of a test, on the official Python SDK; orders and reports are those of client.mjs.

    client.py COMMAND [ARGUMENT…]
"""

import json
import os
import sys

import anyio
from anyio import to_thread
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client


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
    command, *args = sys.argv[1:]
    parameters = StdioServerParameters(command=command, args=args, env=dict(os.environ))
    running = {}
    async with Client(stdio_client(parameters), mode=os.environ.get("TRIPLINE_TEST_MCP_MODE", "auto")) as client:
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
    report(event="closed")


anyio.run(main)
