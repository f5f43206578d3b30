"""Reads JSON from standard input and answers JSON on standard output."""
import json
import os
import sys

text = sys.stdin.read()
ask = json.loads(text) if text.strip() else {}
print("asked", file=sys.stderr)
print(json.dumps({"message": "Hello " + ask.get("name", "World"), "callId": os.environ.get("FN_CALL_ID")}))
