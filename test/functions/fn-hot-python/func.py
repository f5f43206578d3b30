"""Speaks each of Fn's old hot formats, as FN_FORMAT says, and misbehaves in the way that a body {"act": ...} names."""
import json
import os
import sys
import time

stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
FORMAT = os.environ["FN_FORMAT"]


def say(data):
    stdout.write(data if isinstance(data, bytes) else data.encode())
    stdout.flush()


def read_http():
    line = stdin.readline()
    if not line:
        return None
    method, target, _ = line.decode().split()
    headers = {}
    while (line := stdin.readline().decode().rstrip("\r\n")) != "":
        name, value = line.split(": ", 1)
        headers.setdefault(name, []).append(value)
    body = stdin.read(int(headers.get("Content-Length", ["0"])[0])).decode()
    ids = {"call_id": headers["Fn_call_id"][0], "deadline": headers["Fn_deadline"][0], "url": headers["Fn_request_url"][0]}
    return {**ids, "method": method, "target": target, "headers": headers, "body": body}


def read_object():
    line = stdin.readline()
    if not line:
        return None
    given = json.loads(line)
    if FORMAT == "json":
        protocol, body = given["protocol"], given["body"]
        ids = {"call_id": given["call_id"], "deadline": given["deadline"], "type": given["content_type"]}
    else:
        protocol, body = given["extensions"]["protocol"], given.get("data", "")
        ids = {"call_id": given["eventID"], "deadline": given["extensions"]["deadline"], "type": given["contentType"]}
        ids["event"] = given
    return {**ids, "url": protocol["request_url"], "method": protocol["method"], "headers": protocol["headers"], "body": body}


def answer(value, status=200):
    text = json.dumps(value)
    headers = {"X-Served-By": ["hot"], "Set-Cookie": ["a=1", "b=2"]}
    if FORMAT == "http":
        lines = "".join(f"{name}: {each}\r\n" for name, values in headers.items() for each in values)
        length = len(text.encode())
        return f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{lines}\r\n{text}"
    protocol = {"status_code": status, "headers": headers}
    if FORMAT == "json":
        return json.dumps({"body": text, "content_type": "application/json", "protocol": protocol}) + "\n"
    return json.dumps({"contentType": "application/json", "data": value, "extensions": {"protocol": protocol}}) + "\n"


calls = 0
while (call := read_http() if FORMAT == "http" else read_object()) is not None:
    calls += 1
    body = call["body"]
    try:
        ask = json.loads(body) if isinstance(body, str) else body
    except ValueError:
        ask = {}
    act = ask.get("act", "") if isinstance(ask, dict) else ""
    print("asked", act, file=sys.stderr, flush=True)
    good = answer({"calls": calls, **{name: value for name, value in call.items() if name != "event" or act == "event"}})
    if act == "rubbish":
        say("Here I am!\n" + good)
    elif act == "half":
        say(good[: len(good) // 2])
        time.sleep(60)
    elif act == "broken":
        say(good[: len(good) // 2])
        sys.exit(3)
    elif act == "silent":
        sys.exit(4)
    elif act == "twice":
        say(good + good)
    elif act == "later":
        say(good)
        time.sleep(0.05)
        say(good)
    elif act == "leave":
        say(good)
        sys.exit(0)
    elif act == "slow":
        for at in range(0, len(good), 40):
            say(good[at : at + 40])
            time.sleep(0.002)
    elif act == "flood":
        say("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" if FORMAT == "http" else '{"body": "')
        for _ in range(100):
            say(b"f" * 1_000_000)
    elif act == "status":
        say(answer({"calls": calls}, ask["status"]))
    elif act == "sleep":
        time.sleep(60)
    else:
        say(good)
