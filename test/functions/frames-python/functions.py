"""One function for each thing that the conformance suite of the frames asks of a runtime; see `frames-node`."""

import shutil
import sys


def streamed(handler):
    handler.streamed = True
    return handler


class FunctionError(Exception):
    status = 404
    code = "gone"


def echo(event):
    return event


@streamed
def relay(body):
    yield from body


@streamed
async def relay_async(body):
    async for piece in body:
        yield piece


@streamed
def relay_writer(body, context):
    shutil.copyfileobj(body, context.writer())


@streamed
async def relay_async_writer(body, context):
    writer = context.writer()
    async for piece in body:
        await writer.send(piece)


@streamed
def first(body):
    yield "one"
    body.read()
    yield "two"


@streamed
async def first_async(body):
    yield "one"
    async for _ in body:
        pass
    yield "two"


@streamed
def first_writer(body, context):
    with context.writer() as writer:
        writer.write("one")
        body.read()
        writer.write("two")


@streamed
async def first_async_writer(body, context):
    writer = context.writer()
    await writer.send("one")
    async for _ in body:
        pass
    await writer.send("two")


@streamed
def slow(body):
    yield "x" * 1001
    yield str(sum(map(len, body)))


@streamed
async def slow_async(body):
    yield "x" * 1001
    count = 0
    async for piece in body:
        count += len(piece)
    yield str(count)


@streamed
def slow_writer(body, context):
    writer = context.writer()
    writer.write("x" * 1001)
    count = 0
    while piece := body.read(1000):
        count += len(piece)
    print(count, end="", file=writer)


def endless(event):
    while True:
        yield "x" * 100


async def endless_async(event):
    while True:
        yield "x" * 100


def endless_writer(event, context):
    writer = context.writer()
    while True:
        writer.write("x" * 100)


def large(event):
    return b"y" * 300_000


@streamed
def early(body, context):
    context.status(202)
    context.header("x-early", "yes")
    return "early"


@streamed
def enough(body, context):
    with body:
        return f"enough {len(next(body))}"


def fails(event):
    raise TypeError("no")


def fails_later(event):
    yield "one"
    raise TypeError("later")


def refuses(event):
    raise FunctionError("not here")


def prints(event):
    print("out")
    print("err", file=sys.stderr)
    return "printed"


def facts(event, context):
    return {
        "call": context.call_id,
        "deadline": context.deadline,
        "method": context.http.method,
        "url": context.http.url,
        "target": context.http.target,
        "header": context.headers["x-twice"],
    }
