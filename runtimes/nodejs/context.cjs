"use strict";
const { fieldOf } = require("./event.cjs");

const nameRule = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const valueRule = /^[\t\x20-\x7e\x80-\xff]*$/;
const traceRule = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** Returns the host from its constructor, so that a class can put its private fields on a function. */
function Host(host) {
  return host;
}

/** The second argument of a handler; `fdk/node/index.d.ts` has it as a type. Only what is read of it costs anything. */
class Context extends Host {
  #call;
  #headers = undefined;
  #log = undefined;

  constructor(call, host) {
    super(host);
    this.#call = call;
  }

  get callId() {
    return fieldOf(this.#call.head, ":call:");
  }

  /** Milliseconds since the epoch. */
  get deadline() {
    return Number(fieldOf(this.#call.head, ":deadline:"));
  }

  /** Milliseconds until the platform kills the call. */
  remainingMs() {
    return Math.max(0, this.deadline - this.#call.clock.now());
  }

  get functionName() {
    return this.#call.env.KILN_FUNCTION ?? "";
  }

  /** Null for a function without an app. */
  get appName() {
    return this.#call.env.KILN_APP || null;
  }

  get namespace() {
    return this.#call.env.KILN_NAMESPACE ?? "";
  }

  get revision() {
    return Number(this.#call.env.KILN_REVISION ?? 0);
  }

  /** The HTTP request behind a route or an HTTP function; null for a direct call. */
  get http() {
    const { head } = this.#call;
    const method = fieldOf(head, ":method:");
    return method === undefined ? null : { method, url: fieldOf(head, ":url:"), target: fieldOf(head, ":target:") };
  }

  /** By name in lower case; values of a repeated header joined with a comma. */
  get headers() {
    return (this.#headers ??= headersOf(this.#call.head));
  }

  /** Where the call stands in a distributed trace (W3C trace context); null when the caller sent none. */
  get trace() {
    const traceparent = fieldOf(this.#call.head, "traceparent:");
    const parts = traceRule.exec(traceparent ?? "");
    if (parts === null) return null;
    const tracestate = fieldOf(this.#call.head, "tracestate:") ?? null;
    return { traceparent, tracestate, traceId: parts[1], parentId: parts[2], sampled: (Number.parseInt(parts[3], 16) & 1) === 1 };
  }

  /** The app's and the function's configuration. */
  get config() {
    return this.#call.env;
  }

  get log() {
    return (this.#log ??= new (require("./logger.cjs").Logger)(this.#call, this));
  }

  /** Aborts when nobody waits for the answer any more, and shortly before the deadline. */
  get signal() {
    return (this.#call.stopper ??= new (require("./stopper.cjs").Stopper)(this.#call, this.deadline)).signal;
  }

  /** A Writable that is the answer: what is written to it is sent as it is written. */
  writer() {
    return this.#call.openWriter();
  }

  /** Sets the HTTP status of the answer. */
  status(code) {
    if (!Number.isInteger(code) || code < 200 || code > 599)
      throw new RangeError(`The status of an answer is a whole number from 200 to 599, not ${code}`);
    this.#call.status = code;
    return this;
  }

  /** Sets a header of the answer; an array gives it several times. */
  header(name, value) {
    setHeader(this.#call, name, value);
    return this;
  }
}

function setHeader(call, name, value) {
  if (!nameRule.test(name)) throw new TypeError(`This is no name of a header: ${JSON.stringify(name)}`);
  const values = (Array.isArray(value) ? value : [value]).map(String);
  if (!values.every((each) => valueRule.test(each)))
    throw new TypeError(`The value of header ${name} has characters that headers cannot carry`);
  (call.headers ??= new Map()).set(name.toLowerCase(), values);
}

const callablePrototype = Object.create(Function.prototype, Object.getOwnPropertyDescriptors(Context.prototype));

/** A context; with `callback` one that can be called as the callback too. */
function makeContext(call, callback) {
  if (callback === undefined) return new Context(call, undefined);
  // A function of its own: the same one may be the third argument, which is no context.
  const host = (error, result) => callback(error, result);
  return Object.setPrototypeOf(new Context(call, host), callablePrototype);
}

function headersOf(head) {
  const headers = {};
  for (const line of head.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1);
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value;
  }
  return headers;
}

module.exports = { makeContext, setHeader };
