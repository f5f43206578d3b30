#!/usr/bin/env python3
"""An extension as the Extensions API's documentation has it: prints what it hears, and does what the function's environment says."""

import http.client
import json
import os
import sys
import time

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
name = os.path.basename(__file__)
does = os.environ.get("EXTENSION_DOES", "")


def say(what, value):
    print("watcher", what, json.dumps(value), flush=True)


def ask(method, path, body=None, **headers):
    api.request(method, "/2020-01-01/extension/" + path, None if body is None else json.dumps(body), headers)
    answer = api.getresponse()
    return answer.status, json.loads(answer.read() or "null"), dict(answer.headers)


if does == "crash at start":
    sys.exit(3)
status, told, headers = ask("POST", "register", {"events": ["INVOKE", "SHUTDOWN"]}, **{"Lambda-Extension-Name": name})
identity = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
say("registered", told)
if does == "refused":
    say("twice", ask("POST", "register", {"events": []}, **{"Lambda-Extension-Name": name})[:2])
    say("nameless", ask("POST", "register", {"events": []})[:2])
    say("stranger", ask("GET", "event/next", **{"Lambda-Extension-Identifier": "0" * 8 + "-0000-0000-0000-" + "0" * 12})[:2])
    say("unnamed", ask("GET", "event/next")[:2])
    wrong = ask("POST", "register", {"events": ["SLEEP"]}, **{"Lambda-Extension-Name": "another"})
    say("event", wrong[:2])
    say("untyped", ask("POST", "exit/error", **identity)[:2])
if does == "init error":
    say("said", ask("POST", "init/error", **identity, **{"Lambda-Extension-Function-Error-Type": "Extension.NoLicence"})[:2])
    time.sleep(60)
if does == "slow start":
    time.sleep(0.5)
while True:
    status, event, headers = ask("GET", "event/next", **identity)
    say("heard", event)
    if event["eventType"] == "SHUTDOWN":
        if does == "hang":
            time.sleep(60)
        say("left", event["shutdownReason"])
        if "NOTE" in os.environ:
            with open(os.environ["NOTE"], "w") as note:
                note.write(event["shutdownReason"])
        break
    if does == "linger":
        time.sleep(3)
        say("lingered", event)
    if does == "crash in call":
        sys.exit(4)
    if does == "exit error":
        ask("POST", "exit/error", **identity, **{"Lambda-Extension-Function-Error-Type": "Extension.LostLicence"})
