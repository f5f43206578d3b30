"""What Fn's documentation shows for Python, with an input for each way a function can behave."""
import asyncio
import io
import json
import os
import sys

from fdk import response

print("loaded", flush=True)


async def handler(ctx, data: io.BytesIO = None):
    ask = parse(data)
    if "print" in ask:
        print(ask["print"], flush=True)
        print("error " + ask["print"], file=sys.stderr, flush=True)
    if "throw" in ask:
        raise ValueError(ask["throw"])
    if "sleepMs" in ask:
        await asyncio.sleep(ask["sleepMs"] / 1000)
    if "env" in ask:
        seen = {name: value for name, value in os.environ.items() if name.startswith("FN_")}
        return response.Response(ctx, response_data=json.dumps(seen), headers={"Content-Type": "application/json"})
    if "exit" in ask:
        os._exit(ask["exit"])
    if "raw" in ask:
        return response.Response(ctx, response_data="x" * ask["raw"], headers={"Content-Type": "text/plain"})
    if ctx.Headers().get("fn-intent") == "httprequest":
        return through_route(ctx, ask)
    answer = {
        "message": "Hello " + ask.get("name", "World"),
        "callId": ctx.CallID(),
        "deadline": ctx.Deadline(),
        "config": os.environ.get("GREETING"),
        "app": os.environ.get("FN_APP_NAME"),
        "trace": ctx.Headers().get("x-trace"),
    }
    return response.Response(ctx, response_data=json.dumps(answer), headers={"Content-Type": "application/json"})


def parse(data):
    try:
        ask = json.loads(data.getvalue())
    except ValueError:
        return {}
    return ask if isinstance(ask, dict) else {}


def through_route(ctx, ask):
    answer = {"method": ctx.Method(), "url": ctx.RequestURL(), "custom": ctx.HTTPHeaders().get("x-custom"), "ask": ask}
    headers = {"Content-Type": "application/json", "Location": "/made"}
    return response.Response(ctx, response_data=json.dumps(answer), headers=headers, status_code=201)
