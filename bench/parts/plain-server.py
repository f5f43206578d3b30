"""A plain process with one handler: loads it, connects to the socket and answers lines of JSON, as whoever started it wants."""
import importlib.util
import json
import socket
import sys
from types import SimpleNamespace

spec = importlib.util.spec_from_file_location("handler", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[2])
lines = connection.makefile("rwb")
for line in lines:
    answer = module.handler(json.loads(line), SimpleNamespace(call_id="plain"))
    lines.write(json.dumps(answer).encode() + b"\n")
    lines.flush()
