"use strict";
const { Writable } = require("node:stream");

/** From here on what the code prints becomes log frames of the call that runs. Descriptors 1 and 2 stay what they are. */
function captureOutput(outlet, calls) {
  replace("stdout", 1);
  replace("stderr", 2);

  function replace(name, stream) {
    let output;
    const get = () => (output ??= new Output(stream, outlet, calls));
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get });
  }
}

/** Deno and Bun have a console that goes past `process.stdout`, which alone can tell apart calls at the same time. */
function captureConsole() {
  const { Console } = require("node:console");
  const captured = new Console(process.stdout, process.stderr);
  for (const [name, method] of Object.entries(captured))
    if (typeof method === "function") globalThis.console[name] = method.bind(captured);
}

class Output extends Writable {
  fd;
  #outlet;
  #calls;

  constructor(stream, outlet, calls) {
    super({ decodeStrings: false });
    this.fd = stream;
    this.#outlet = outlet;
    this.#calls = calls;
  }

  /** Past the machinery of streams: a line is a frame at once, and there is never anything to wait for. */
  write(chunk, encoding, callback) {
    const done = typeof encoding === "function" ? encoding : callback;
    const bytes =
      typeof chunk === "string" && typeof encoding === "string" && !/^utf-?8$/i.test(encoding)
        ? Buffer.from(chunk, encoding)
        : chunk;
    this.#outlet.log(this.#calls.currentId(), this.fd, bytes);
    if (done !== undefined) process.nextTick(done);
    return true;
  }

  end(chunk, encoding) {
    if (chunk !== undefined && typeof chunk !== "function") this.write(chunk, encoding);
    return this;
  }
}

module.exports = { captureConsole, captureOutput };
