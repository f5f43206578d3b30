"use strict";
const { fieldOf } = require("./event.cjs");

const nameRule = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const valueRule = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Returns the host from its constructor, so that a class can put its private fields on a function. */
function Host(host) {
  return host;
}

/** The second argument of a handler. */
class Context extends Host {
  #call;
  #headers = undefined;

  constructor(call, host) {
    super(host);
    this.#call = call;
    this.callId = fieldOf(call.head, ":call:");
    /** Milliseconds since the epoch. */
    this.deadline = Number(fieldOf(call.head, ":deadline:"));
  }

  /** Milliseconds until the platform kills the call. */
  remainingMs() {
    return Math.max(0, this.deadline - Date.now());
  }

  /** Of the HTTP request behind a route; undefined for a direct call. */
  get method() {
    return fieldOf(this.#call.head, ":method:");
  }

  get url() {
    return fieldOf(this.#call.head, ":url:");
  }

  /** By name in lower case; values of a repeated header joined with a comma. */
  get headers() {
    return (this.#headers ??= headersOf(this.#call.head));
  }

  /** The app's and the function's configuration. */
  get config() {
    return process.env;
  }

  /** Aborts when nobody waits for the answer any more. */
  get signal() {
    const call = this.#call;
    if (call.controller === null) {
      call.controller = new AbortController();
      if (call.cancelled) call.controller.abort();
    }
    return call.controller.signal;
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
    if (!nameRule.test(name)) throw new TypeError(`This is no name of a header: ${JSON.stringify(name)}`);
    const values = (Array.isArray(value) ? value : [value]).map(String);
    if (!values.every((each) => valueRule.test(each)))
      throw new TypeError(`The value of header ${name} has characters that headers cannot carry`);
    (this.#call.headers ??= new Map()).set(name.toLowerCase(), values);
    return this;
  }
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

module.exports = { makeContext };
