"""One process for many calls: a JSON object a line on STDIN, an answer for each on STDOUT."""
import json
import sys

for line in sys.stdin:
    call = json.loads(line)
    ask = json.loads(call["body"] or "{}")
    print("call", call["call_id"], file=sys.stderr, flush=True)
    body = json.dumps({"message": f"Hello {ask.get('name', 'World')}"})
    print(json.dumps({"body": body, "content_type": "application/json", "protocol": {"status_code": 200}}), flush=True)
