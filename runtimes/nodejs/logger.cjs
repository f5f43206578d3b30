"use strict";
const { describeError, isError } = require("./errors.cjs");

const levels = ["debug", "info", "warn", "error"];

/**
 * Behind `context.log`: one line for each message, on stdout below `warn` and on stderr from there on, always under the call whose
 * context it is. `LOG_LEVEL` hides lower levels (default `info`), `LOG_FORMAT` is `text` (default) or `json`.
 */
class Logger {
  #call;
  #context;
  #lowest;
  #line;

  constructor(call, context) {
    this.#call = call;
    this.#context = context;
    this.#lowest = Math.max(0, levels.indexOf(String(call.env.LOG_LEVEL ?? "info").toLowerCase()));
    this.#line = call.env.LOG_FORMAT === "json" ? this.#json : this.#text;
  }

  debug(message, fields) {
    this.#write(0, message, fields);
  }

  info(message, fields) {
    this.#write(1, message, fields);
  }

  warn(message, fields) {
    this.#write(2, message, fields);
  }

  error(message, fields) {
    this.#write(3, message, fields);
  }

  #write(level, message, fields) {
    if (level < this.#lowest) return;
    const text = isError(message) ? String(message.message) : String(message);
    const given = isError(message) ? { error: message, ...fields } : isError(fields) ? { error: fields } : (fields ?? {});
    this.#call.print(level < 2 ? 1 : 2, `${this.#line(levels[level], text, given)}\n`);
  }

  /** `LEVEL message name=value`, and the stacks of errors below. A message stays one line: no text can pass for another message. */
  #text(level, message, fields) {
    let line = `${level.toUpperCase()} ${message.replace(/[\r\n]+/g, "\\n")}`;
    let stacks = "";
    for (const [name, value] of Object.entries(fields)) {
      if (isError(value)) stacks += `\n${describeError(value).stack.replace(/^/gm, "  ")}`;
      else line += ` ${name}=${typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : jsonOf(value)}`;
    }
    return line + stacks;
  }

  #json(level, message, fields) {
    const own = { time: new Date(this.#call.clock.now()).toISOString(), level, message, callId: this.#context.callId };
    const traceId = this.#context.trace?.traceId;
    if (traceId !== undefined) own.traceId = traceId;
    for (const [name, value] of Object.entries(fields))
      if (!Object.hasOwn(own, name)) own[name] = isError(value) ? describeError(value) : value;
    return jsonOf(own);
  }
}

/** Whatever a value is, a log line of it must not fail the call. */
function jsonOf(value) {
  const seen = [];
  function plain(_, each) {
    if (typeof each === "bigint") return String(each);
    if (typeof each !== "object" || each === null) return each;
    // `this` is the object that holds `each`: what lies deeper in `seen` is no longer around it.
    while (seen.length > 0 && seen.at(-1) !== this) seen.pop();
    if (seen.includes(each)) return "[circular]";
    seen.push(each);
    return each;
  }
  try {
    return JSON.stringify(value, plain) ?? String(value);
  } catch (error) {
    return JSON.stringify(`[${error.message}]`);
  }
}

module.exports = { Logger };
