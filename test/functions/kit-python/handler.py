"""Does what the event says; ../kit-node/index.js does the same (test/conformance/kits.test.ts)."""

import asyncio
import time

from polykiln_fdk import FunctionError, respond, validated


def named(event):
    if not isinstance(event.get("name"), str):
        raise ValueError("no name")
    return {"name": event["name"].strip()}


def identity(event, context):
    return {
        "function": context.function_name,
        "app": context.app_name[:4],
        "namespace": context.namespace,
        "revision": context.revision,
        "config": context.config.get("GREETING"),
        "header": context.headers.get("x-a"),
    }


def time_(event, context):
    return {
        "call": len(context.call_id) > 4,
        "left": 0 < context.remaining_ms() <= 10_000,
        "deadline": abs(context.deadline - time.time() * 1000 - 5_000) <= 5_000,
        "aborted": context.cancelled,
    }


def http(event, context):
    found = context.http
    return {"http": found and [found.method, found.url.startswith("http://"), found.target]}


def trace(event, context):
    found = context.trace
    return {
        "traceId": found.trace_id,
        "tracestate": found.tracestate,
        "sampled": found.sampled,
        "whole": found.traceparent == f"00-{found.trace_id}-{found.parent_id}-01",
    }


def answer(event, context):
    return respond(context, {"made": True}, status=201, headers={"x-made": "yes", "location": ["/a"]})


def missing(event, context):
    raise FunctionError(404, "There is no such tea", code="no_tea", details={"asked": event["tea"]})


def busy(event, context):
    raise FunctionError(503, "Later", headers={"retry-after": 5}) from ArithmeticError("the kettle is cold")


def broken(event, context):
    try:
        raise ArithmeticError("the kettle is cold")
    except ArithmeticError as error:
        raise TypeError("no tea") from error


@validated(named)
def valid(event, context):
    return f"<{event['name']}>"


async def stream(event, context):
    if event.get("fail"):
        raise FunctionError(409, "Not now")
    yield "a"
    yield "b"


def log(event, context):
    context.log.debug("hidden")
    context.log.info("ordered", item="green tea", count=2, sort="x", list=[1, {"a": None}])
    context.log.warn("two\nINFO lines", ok=True)
    print("printed")


def log_error(event, context):
    try:
        raise ArithmeticError("too hot")
    except ArithmeticError as error:
        context.log.error("no luck", error=error)


async def patient(event, context):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "told in time"


async def stubborn(event, context):
    await asyncio.sleep(60)


acts = {
    "identity": identity,
    "time": time_,
    "http": http,
    "trace": trace,
    "respond": answer,
    "missing": missing,
    "busy": busy,
    "broken": broken,
    "validated": valid,
    "stream": stream,
    "log": log,
    "logError": log_error,
    "patient": patient,
    "stubborn": stubborn,
}


def handler(event, context):
    return acts[event["act"]](event, context)
