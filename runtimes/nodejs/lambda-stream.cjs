"use strict";
const { setHeader } = require("./context.cjs");
const { describe, tellTrace } = require("./lambda-call.cjs");
const { lambdaError } = require("./lambda-errors.cjs");
const { Writer } = require("./writer.cjs");

/** Under this name `awslambda.streamifyResponse` marks a handler; wrappers of others look for it, too. */
const responseStreaming = Symbol.for("aws.lambda.runtime.handler.streaming");

/** A handler `(event, responseStream, context)`: what it writes is the answer, and leaves as it is written. */
function runStreaming(call) {
  tellTrace(call);
  try {
    if (call.event.error !== undefined) throw call.event.error;
    const context = describe({ callbackWaitsForEmptyEventLoop: true }, call);
    const stream = call.openWriter(ResponseStream);
    const { handler } = call.target;
    const result = handler(call.event.event, stream, context);
    if (typeof result?.then !== "function") return call.fail("Streaming does not support non-async handlers.");
    result.then(
      () => handled(stream),
      (error) => call.fail(error),
    );
  } catch (error) {
    call.fail(error);
  }
}

/** What it has not ended yet, others may still be writing. */
function handled(stream) {
  if (stream.destroyed && !stream.writableFinished) stream.returned();
  else stream.left();
}

class ResponseStream extends Writer {
  /** Called before anything else is sent, with what sends a text or bytes. */
  _onBeforeFirstWrite = undefined;
  #call;
  #begun = false;

  constructor(outlet, call) {
    super(outlet, call);
    this.#call = call;
  }

  setContentType(type) {
    if (this.#begun) throw lambdaError("InvalidStreamingOperation", "Cannot set content-type, too late.");
    setHeader(this.#call, "content-type", type);
  }

  write(chunk, ...more) {
    this.#begin();
    return super.write(bytesOf(chunk), ...more);
  }

  end(chunk, ...more) {
    this.#begin();
    return super.end(typeof chunk === "function" ? chunk : bytesOf(chunk), ...more);
  }

  #begin() {
    if (this.#begun) return;
    this.#begun = true;
    this._onBeforeFirstWrite?.((bytes) => super.write(bytes));
  }
}

/** What is no text and no bytes is JSON. */
function bytesOf(chunk) {
  return chunk === undefined || chunk === null || typeof chunk === "string" || ArrayBuffer.isView(chunk)
    ? chunk
    : JSON.stringify(chunk);
}

const preludeType = "application/vnd.awslambda.http-integration-response";
const preludeEnd = Buffer.alloc(8);

/** Behind `awslambda.HttpResponseStream`: status, headers and cookies go before the body, as JSON that eight zero bytes end. */
const HttpResponseStream = {
  from(stream, prelude) {
    const text = JSON.stringify(prelude);
    stream.setContentType(preludeType);
    stream._onBeforeFirstWrite = (write) => write(Buffer.concat([Buffer.from(text), preludeEnd]));
    return stream;
  },
};

module.exports = { HttpResponseStream, responseStreaming, runStreaming };
