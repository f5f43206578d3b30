#!/usr/bin/env python3
"""An extension that subscribes to telemetry, over HTTP or TCP, and prints what comes."""

import http.client
import http.server
import json
import os
import socketserver
import threading

PORT = 4243
uses_tcp = os.environ.get("LISTENS_BY") == "TCP"
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def show(records):
    for record in records:
        if not str(record["record"]).startswith("listener"):
            print("listener", record["type"], json.dumps(record["record"]), flush=True)


class Posts(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        show(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        show(json.loads(line) for line in self.rfile)


def ask(method, path, body=None, headers=None):
    api.request(method, path, None if body is None else json.dumps(body), headers or {})
    answer = api.getresponse()
    return answer.status, answer.read().decode(), answer.headers


server = (
    socketserver.TCPServer(("sandbox.localdomain", PORT), Lines)
    if uses_tcp
    else http.server.HTTPServer(("sandbox.localdomain", PORT), Posts)
)
threading.Thread(target=server.serve_forever, daemon=True).start()
name = {"Lambda-Extension-Name": os.path.basename(__file__)}
_, _, headers = ask("POST", "/2020-01-01/extension/register", {"events": ["INVOKE", "SHUTDOWN"]}, name)
identity = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
here = {"protocol": "TCP", "port": PORT} if uses_tcp else {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{PORT}/posts?all"}
wanted = {
    "schemaVersion": "2022-07-01",
    "types": ["platform", "function", "extension"],
    "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
    "destination": here,
}
for wrong in ({**wanted, "types": ["everything"]}, {**wanted, "destination": {"protocol": "HTTP", "URI": "http://example.com:80"}}):
    print("listener refused", *ask("PUT", "/2022-07-01/telemetry", wrong, identity)[:2], flush=True)
print("listener subscribed", *ask("PUT", "/2022-07-01/telemetry", wanted, identity)[:2], flush=True)
while True:
    _, event, _ = ask("GET", "/2020-01-01/extension/event/next", None, identity)
    if json.loads(event)["eventType"] == "SHUTDOWN":
        break
