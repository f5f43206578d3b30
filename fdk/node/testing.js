/** Runs handlers in process, by the runtime that serves them on the platform. */
import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
// In the package the runtime lies beside this file; in the repository it has its own folder.
const runtime = existsSync(new URL("runtime", import.meta.url)) ? "./runtime" : "../../runtimes/nodejs";
const { beginCall, Calls } = require(`${runtime}/calls.cjs`);
const { targetOf } = require(`${runtime}/load.cjs`);

let invocations = 0;

/** Calls a handler and resolves with what the caller and the log would see of it. Never rejects because of the handler. */
export function invoke(handler, event, options = {}) {
  const { deadlineMs = 30_000, clock = realClock, signal } = options;
  return new Promise((resolve) => {
    const outlet = new Outlet((answer) => {
      stopClock();
      signal?.removeEventListener("abort", cancel);
      resolve(resultOf(answer, outlet));
    });
    const calls = new Calls(outlet, { ref() {}, unref() {} });
    calls.clock = clock;
    // Nobody reads slowly here.
    calls.answerWindowBytes = Number.MAX_SAFE_INTEGER;
    calls.env = { ...process.env, ...environmentOf(options), ...options.config };
    const cancel = () => calls.cancel(1);
    const stopClock = clock.after(deadlineMs, () => outlet.finish({ failure: timeout(deadlineMs) }));
    const payload = payloadOf(event, clock.now() + deadlineMs, options);
    printing.run(outlet, () => beginCall(calls, targetOf(handler, undefined), 1, 1, payload, 0, payload.length));
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel);
  });
}

/** A clock that stands still until it is told. */
export class Clock {
  #now;
  #timers = new Set();

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now = () => this.#now;

  after = (ms, run) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** Lets time pass: what falls due runs in its order, and what it wakes gets its turn. */
  async advance(ms) {
    const until = this.#now + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = [...this.#timers].filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = until;
  }
}

/** Its timers keep the process alive: a test waits for them. */
const realClock = {
  now: Date.now,
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

function timeout(ms) {
  return { type: "timeout", message: `The function ran longer than its timeout of ${ms} ms and was ended`, stack: null };
}

function environmentOf({ functionName = "test", appName = "tests", namespace = "guest", revision = 1 }) {
  return {
    KILN_FUNCTION: functionName,
    KILN_APP: appName ?? "",
    KILN_NAMESPACE: namespace,
    KILN_REVISION: String(revision),
  };
}

/** A call as the platform would send it (docs/frames.md). */
function payloadOf(event, deadline, { callId = `test-${++invocations}`, http = null, headers = {} }) {
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const declared = given.some(([name]) => name === "content-type");
  const [type, body] = bodyOf(event, declared);
  const fields = [
    [":call", callId],
    [":deadline", Math.floor(deadline)],
    ...(type === null ? [] : [["content-type", type]]),
    ...given,
  ];
  if (http !== null) fields.push([":method", http.method], [":url", http.url], [":target", http.target ?? "/"]);
  const head = Buffer.from(fields.map(([name, value]) => `${name}:${value}\n`).join(""));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, body]);
}

/** Bytes are sent as they are, and so is text whose content type is given; anything else is JSON. */
function bodyOf(event, declared) {
  if (event === undefined) return [null, Buffer.alloc(0)];
  if (ArrayBuffer.isView(event))
    return [declared ? null : "application/octet-stream", Buffer.from(event.buffer, event.byteOffset, event.byteLength)];
  if (typeof event === "string" && declared) return [null, Buffer.from(event)];
  return [declared ? null : "application/json", Buffer.from(JSON.stringify(event))];
}

/** Takes what the runtime would send, and `finish`es with the end of the answer. */
class Outlet {
  congested = false;
  printed = { 1: "", 2: "" };
  lines = [];
  #head = "";
  #pieces = [];
  #finish;

  constructor(finish) {
    this.#finish = finish;
  }

  finish(answer) {
    this.#finish?.(answer);
    this.#finish = undefined;
  }

  json(_type, _id, value) {
    this.finish({ failure: value });
  }

  bytes(_type, _id, flags, source, start, end) {
    this.#piece(flags, Buffer.from(source.subarray(start, end)));
  }

  result(_id, flags, head, source, start, end) {
    this.#head = head;
    this.#piece(flags, Buffer.from(source.subarray(start, end)));
  }

  resultText(_id, flags, head, text) {
    this.#head = head;
    this.#piece(flags, Buffer.from(text));
    return true;
  }

  #piece(flags, bytes) {
    this.#pieces.push(bytes);
    if ((flags & 1) === 1) this.finish({ head: this.#head, body: Buffer.concat(this.#pieces) });
  }

  log(_id, stream, text) {
    const lines = (this.printed[stream] + text).split("\n");
    this.printed[stream] = lines.pop();
    for (const line of lines) this.#line(stream, line);
  }

  /** Every line so far; one without its end too. */
  logs() {
    for (const stream of [1, 2]) if (this.printed[stream] !== "") this.log(0, stream, "\n");
    return this.lines;
  }

  #line(stream, text) {
    this.lines.push({ stream: stream === 1 ? "stdout" : "stderr", text });
  }

  schedule() {}
  flush() {}
  soon() {}
  credit() {}
  enough() {}
}

function resultOf({ head, body, failure }, outlet) {
  const logs = outlet.logs();
  const nothing = Buffer.alloc(0);
  if (failure !== undefined) return { status: null, headers: {}, body: nothing, result: undefined, logs, error: failure };
  let status = 200;
  const headers = {};
  for (const line of head.split("\n").slice(0, -1)) {
    const colon = line.indexOf(":", 1);
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1)];
    if (name === ":status") status = Number(value);
    else headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value;
  }
  return { status, headers, body, result: valueOf(headers["content-type"], body), logs, error: null };
}

function valueOf(type, body) {
  if (type?.startsWith("application/json")) return JSON.parse(body.toString());
  if (type?.startsWith("text/")) return body.toString();
  return body.length === 0 ? undefined : body;
}

/** Which invocation prints. Output of anybody else goes where it always went. */
const printing = new AsyncLocalStorage();

for (const [stream, output] of [
  [1, process.stdout],
  [2, process.stderr],
]) {
  const write = output.write;
  output.write = function capture(chunk, encoding, done) {
    const outlet = printing.getStore();
    if (outlet === undefined) return write.call(this, chunk, encoding, done);
    outlet.log(0, stream, typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
    const callback = typeof encoding === "function" ? encoding : done;
    if (callback !== undefined) process.nextTick(callback);
    return true;
  };
}
