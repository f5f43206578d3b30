import type { CancelSignal } from "../../lib/cancel.ts";
import type { Duplex } from "node:stream";
import type { BodySource } from "../../lib/body.ts";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { Http1Response } from "../../wire/http1-client.ts";
import { ConnectionPool } from "../connection-pool.ts";
import type { Dial, FunctionRequest, FunctionResponse, Session, SessionHooks } from "../protocol.ts";
import { OutputAttribution } from "./output.ts";
import { requestHead } from "./request.ts";
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
  readonly #output: OutputAttribution;
  #usable = true;

  /** `stream`: a connection that is open and unused. */
  constructor(stream: Duplex, options: HttpStreamOptions) {
    this.#output = new OutputAttribution(options.frameName, (callId, line) => options.hooks.log(callId, line));
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
    this.#output.called(request.callId);
    return this.#pool.exchange(requestHead(request), request.body, signal).then((response) => this.#answer(request, response));
  }

  output(stream: "stdout" | "stderr", data: Buffer): void {
    this.#output.push(stream, data);
  }

  close(): void {
    this.#usable = false;
    this.#pool.close();
    this.#output.end();
  }

  #answer(request: FunctionRequest, response: Http1Response): FunctionResponse | Promise<never> {
    switch (response.status) {
      case 200:
        return request.http === null
          ? { status: 200, headers: plainHeaders(response.headers), body: response.body }
          : decodeHttp(response);
      case 502:
        return failed(response.body);
      case 504:
        return timedOut(response.body);
      default:
        this.#usable = false;
        response.body.cancel();
        throw new PlatformError(
          "function_protocol",
          `The function kit answered status ${response.status}; only 200, 502 and 504 are known`,
        );
    }
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
