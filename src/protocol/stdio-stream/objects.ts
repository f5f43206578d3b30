import type { Duplex } from "node:stream";
import { bytesBody, readBody } from "../../lib/body.ts";
import type { CancelSignal } from "../../lib/cancel.ts";
import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import type { Fn } from "../../model/model.ts";
import type { FunctionRequest, FunctionResponse, Session, SessionHooks } from "../protocol.ts";
import type { ObjectAnswer } from "./answer.ts";
import { blankUntil, ObjectReader, shown } from "./object-reader.ts";

/** A call in one of the formats that are a stream of JSON objects. */
export interface ObjectExchange {
  /** The object for the program, in one line. */
  readonly line: string;
  /** What its answer says. Throws `function_protocol`. */
  answer(object: Readonly<Record<string, unknown>>): ObjectAnswer;
}

/** Writes a call. Throws `invalid` for a body that the format cannot carry. */
export type MakeExchange = (request: FunctionRequest, body: Buffer, fn: Fn) => ObjectExchange;

/** The call that is with the program. */
interface Pending {
  readonly exchange: ObjectExchange;
  readonly signal: CancelSignal;
  resolve(response: FunctionResponse): void;
  reject(error: Error): void;
}

/**
 * A program that reads JSON objects and answers each with one. `idle`: nothing is with it, and it has to be silent; `busy`: its answer is
 * awaited; `over`: it ended, was ended or broke the format.
 */
export class ObjectSession implements Session {
  readonly #stream: Duplex;
  readonly #make: MakeExchange;
  readonly #fn: Fn;
  readonly #hooks: SessionHooks;
  #reader = new ObjectReader();
  #pending: Pending | null = null;
  #over: Error | null = null;

  constructor(stream: Duplex, make: MakeExchange, fn: Fn, hooks: SessionHooks) {
    this.#stream = stream;
    this.#make = make;
    this.#fn = fn;
    this.#hooks = hooks;
    stream.on("data", (data: Buffer) => this.#take(data));
    stream.on("end", () => this.#end(exited()));
    stream.on("error", (error) => this.#end(exited(error)));
    stream.on("close", () => this.#end(exited()));
  }

  get usable(): boolean {
    return this.#over === null;
  }

  async call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse> {
    const body = await readBody(request.body, limits.requestBytesMax, tooLarge);
    const exchange = this.#make(request, body, this.#fn);
    if (signal.aborted) this.#end(signal.reason as Error);
    if (this.#over !== null) throw this.#over;
    return await new Promise((resolve, reject) => {
      this.#pending = { exchange, signal, resolve, reject };
      signal.addEventListener("abort", this);
      this.#stream.write(`${exchange.line}\n`);
    });
  }

  /** The signal aborts. */
  handleEvent(): void {
    if (this.#pending !== null) this.#end(this.#pending.signal.reason as Error);
  }

  close(): void {
    this.#end(new PlatformError("function_exited", "The session was closed"));
  }

  #take(data: Buffer): void {
    if (this.#over !== null) return;
    const pending = this.#pending;
    if (pending === null) return this.#unasked(data);
    try {
      const found = this.#reader.push(data);
      if (found === null) return;
      const { status, headers, body } = pending.exchange.answer(parsed(found.text));
      this.#release();
      this.#unasked(data.subarray(found.end));
      // The rest of a request that nobody read would be read as the next one.
      if (this.#stream.writableLength > 0) this.#end(exited());
      pending.resolve({ status, headers, body: bytesBody(body) });
    } catch (error) {
      this.#end(error as Error);
    }
  }

  /** The answer to a later call would otherwise be taken for that of the one before. */
  #unasked(data: Buffer): void {
    const start = blankUntil(data);
    if (start === data.length) return;
    const text = `The program printed ${shown(data.subarray(start))} that no call asked for; its sandbox is ended`;
    this.#hooks.log(null, { stream: "platform", text });
    this.#end(new PlatformError("function_protocol", text));
  }

  /** Nothing more is asked of the program. Only the first time counts. */
  #end(why: Error): void {
    if (this.#over !== null) return;
    this.#over = why;
    const pending = this.#release();
    this.#reader = new ObjectReader();
    this.#stream.destroy();
    pending?.reject(why);
    this.#hooks.closed?.();
  }

  #release(): Pending | null {
    const pending = this.#pending;
    this.#pending = null;
    pending?.signal.removeEventListener("abort", this);
    return pending;
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new PlatformError("function_protocol", `The program's answer ${shown(Buffer.from(text))} is no valid JSON`, { cause });
  }
}

function exited(cause?: Error): PlatformError {
  return new PlatformError("function_exited", "The program closed its output before it answered", { cause });
}

const tooLarge = () => new PlatformError("too_large", `The request's body is over the limit of ${limits.requestBytesMax} bytes`);
