"""A client of MCP over HTTP that does what no SDK does.

    plain_http.py PORT SESSION…

A SESSION is a list (JSON) of orders, which one client carries out in turn, on one connection unless it is lost; all
sessions go on at once. An order is an object with `do`:

    open                                the handshake; requests are counted from 0 as SDKs do, so that ids are equal
    call    tool, arguments             tools/call
    ask     method                      any other request
    delete                              ends the session
    wait    path                        until this file is there
    touch   path                        writes it

A call or another request may have `headers` of its own, `chunked` (its body in pieces), `status` (what it has to be
answered with, 200), `leave` (the client sends it and is gone before the answer), and `touch` (a file to write when it
was sent).
"""

import http.client
import json
import os
import socket
import sys
import threading
import time

#: No order takes longer, in seconds.
BOUND = 20
LISTEN = "0A"  # TCP_LISTEN (include/net/tcp_states.h)


def until(what, holds):
    end = time.monotonic() + BOUND
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)


def listens(port):
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(path) as file:
            if any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == LISTEN for line in file):
                return True
    return False


class Session:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=BOUND)
        self.headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        self.next = 0

    def send(self, body, order=None):
        """Posts one message; answers the answer's status and body."""
        order = order or {}
        text = json.dumps(body).encode()
        if order.get("chunked"):
            text = [text[at:at + 7] for at in range(0, len(text), 7)]
        headers = {**self.headers, **order.get("headers", {})}
        self.connection.request("POST", "/mcp", text, headers, encode_chunked=bool(order.get("chunked")))
        if "touch" in order:
            touch(order["touch"])
        if order.get("leave"):
            self.connection.sock.shutdown(socket.SHUT_RDWR)
            self.connection.close()
            return None
        answer = self.connection.getresponse()
        if "mcp-session-id" in answer.headers:
            self.headers["mcp-session-id"] = answer.headers["mcp-session-id"]
        body = answer.read().decode()
        if answer.status // 100 != order.get("status", 200) // 100:
            raise OSError(f"it was answered with {answer.status}: {body}")
        return body

    def request(self, method, params, order):
        number = self.next
        self.next += 1
        if order.get("chunked"):
            order = dict(order, headers={**order.get("headers", {}), "transfer-encoding": "chunked"})
        body = self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params}, order)
        if body is not None and "status" not in order and f'"id":{number}' not in body.replace(" ", ""):
            raise OSError(f"no answer to {method}: {body}")

    def open(self, order):
        client = {"name": "plain", "version": "1.0.0"}
        self.request("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}, order)
        self.headers["mcp-protocol-version"] = "2025-06-18"
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def call(self, order):
        self.request("tools/call", {"name": order["tool"], "arguments": order.get("arguments", {})}, order)

    def ask(self, order):
        self.request(order["method"], order.get("params", {}), order)

    def delete(self, order):
        self.connection.request("DELETE", "/mcp", headers=self.headers)
        self.connection.getresponse().read()

    def wait(self, order):
        until(order["path"], lambda: os.path.exists(order["path"]))

    def touch(self, order):
        touch(order["path"])


def touch(path):
    with open(path, "w"):
        pass


def play(port, orders):
    session = Session(port)
    for order in orders:
        getattr(session, order["do"])(order)
    session.connection.close()


def main():
    port, sessions = int(sys.argv[1]), [json.loads(text) for text in sys.argv[2:]]

    def run(orders):
        try:
            play(port, orders)
        except Exception as error:  # noqa: BLE001 - the test is told, and the others don't wait for this one
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)

    threads = [threading.Thread(target=run, args=[orders]) for orders in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
