import type { CancelSignal } from "../../lib/cancel.ts";
import type { Duplex } from "node:stream";
import type { BodySource } from "../../lib/body.ts";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { Http1Caller } from "../../wire/http1-client.ts";
import type { Http1ResponseHead } from "../../wire/http1-response.ts";
import { ConnectionPool } from "../connection-pool.ts";
import type { Dial, FunctionRequest, FunctionResponse, Session, SessionCaller, SessionHooks } from "../protocol.ts";
import { promisedCall } from "../promised-call.ts";
import { OutputAttribution } from "./output.ts";
import { RequestHeads } from "./request.ts";
import { decodeHttp, plainHeaders } from "./response.ts";

/** As the stock platform: some kits accept connections one after the other, and a thawed one may have lost its. */
const idleMsMax = 1000;

/** What is read of an error that a kit reports. */
const errorBytesMax = 64 * 1024;

export interface HttpStreamOptions {
  readonly dial: Dial;
  readonly hooks: SessionHooks;
  readonly world: World;
  readonly frameName: string;
}

/** One running kit. Never more than one connection, never more than one request on it. */
export class HttpStreamSession implements Session {
  readonly #pool: ConnectionPool;
  readonly #output: OutputAttribution<SessionCaller>;
  readonly #heads = new RequestHeads();
  readonly #log: SessionHooks["log"];
  #usable = true;

  /** `stream`: a connection that is open and unused. */
  constructor(stream: Duplex, options: HttpStreamOptions) {
    this.#log = (callId, line) => options.hooks.log(callId, line);
    this.#output = new OutputAttribution(options.frameName, (callId, line, caller) => {
      if (caller === null) this.#log(callId, line);
      else caller.printed(line);
    });
    const broken = () => {
      // The kit may still be at the old request, and it must never get two at a time.
      this.#usable = false;
    };
    this.#pool = new ConnectionPool({ dial: options.dial, world: options.world, idleMsMax, connectionsMax: 1, broken });
    this.#pool.add(stream);
  }

  get usable(): boolean {
    return this.#usable;
  }

  call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse> {
    return promisedCall(
      (caller) => this.begin(request, signal, caller),
      (line) => this.#log(request.callId, line),
    );
  }

  begin(request: FunctionRequest, signal: CancelSignal, caller: SessionCaller): void {
    let lines: string;
    try {
      lines = this.#heads.of(request);
    } catch (error) {
      request.body.cancel();
      caller.failed(error);
      return;
    }
    this.#output.called(request.callId, caller);
    this.#pool.begin("POST", lines, request.body, signal, new KitCall(this, request.http !== null, caller));
  }

  output(stream: "stdout" | "stderr", data: Buffer): void {
    this.#output.push(stream, data);
  }

  close(): void {
    this.#usable = false;
    this.#pool.close();
    this.#output.end();
  }

  /** For calls: what the kit's answer to one of them means. Throws what the call fails with. */
  answer(isHttp: boolean, head: Http1ResponseHead, body: BodySource): FunctionResponse | Promise<never> {
    switch (head.status) {
      case 200:
        return isHttp ? decodeHttp(head.headers, body) : { status: 200, headers: plainHeaders(head.headers), body };
      case 502:
        return failed(body);
      case 504:
        return timedOut(body);
      default:
        this.#usable = false;
        body.cancel();
        throw new PlatformError(
          "function_protocol",
          `The function kit answered status ${head.status}; only 200, 502 and 504 are known`,
        );
    }
  }
}

/** A call on its way to the kit. */
class KitCall implements Http1Caller {
  readonly #session: HttpStreamSession;
  readonly #isHttp: boolean;
  readonly #caller: SessionCaller;

  constructor(session: HttpStreamSession, isHttp: boolean, caller: SessionCaller) {
    this.#session = session;
    this.#isHttp = isHttp;
    this.#caller = caller;
  }

  answered(head: Http1ResponseHead, content: BodySource): void {
    let answer: FunctionResponse | Promise<never>;
    try {
      answer = this.#session.answer(this.#isHttp, head, content);
    } catch (error) {
      this.#caller.failed(error);
      return;
    }
    if (answer instanceof Promise) answer.catch((error: unknown) => this.#caller.failed(error));
    else this.#caller.answered(answer.status, answer.headers, answer.body);
  }

  failed(error: Error): void {
    this.#caller.failed(error);
  }
}

async function failed(body: BodySource): Promise<never> {
  const text = await readStart(body);
  const { message, detail } = kitError(text);
  throw new PlatformError("function_failed", message, { details: detail === undefined ? {} : { detail } });
}

async function timedOut(body: BodySource): Promise<never> {
  await readStart(body);
  throw new PlatformError("timeout", "The function reported that its time was up");
}

/** Node and Java kits send JSON with `message` and `detail`, the Python one plain text. */
function kitError(text: string): { message: string; detail?: string } {
  try {
    const { message, detail } = JSON.parse(text) as { message?: unknown; detail?: unknown };
    if (typeof message === "string") return { message, detail: typeof detail === "string" ? detail : undefined };
  } catch {
    // Not JSON: the text speaks for itself.
  }
  return { message: text.trim() === "" ? "The function failed" : text.trim() };
}

/** The first part of a body as text; the rest is read and dropped, so that the connection stays good. */
function readStart(body: BodySource): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    body.pipe({
      chunk(data) {
        if (bytes < errorBytesMax) chunks.push(data.subarray(0, errorBytesMax - bytes));
        bytes += data.length;
        return true;
      },
      end: () => resolve(Buffer.concat(chunks).toString("utf8")),
      fail: reject,
    });
  });
}
