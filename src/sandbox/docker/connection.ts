/**
 * HTTP to a Docker Engine: a connection for each request, so that none is left over from an engine that has gone. What is wrong with the
 * way to it is told with its fix.
 */
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { World } from "../../lib/world.ts";
import { addressText, type EngineAddress } from "./address.ts";
import { EngineError } from "./engine-error.ts";

/** How long the engine may take for an answer, in ms, unless somebody says otherwise. */
const answerMsMax = 30_000;

/** The longest answer that is read whole. */
const answerBytesMax = 64 * 1024 * 1024;

/** What is asked. */
export interface Question {
  readonly method: "GET" | "HEAD" | "POST" | "DELETE";
  /** With the version and the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, or bytes as they come. */
  readonly body?: object | Readable | undefined;
  /** What was to be done, for the error: "start a container". */
  readonly purpose: string;
  /** For the head of the answer; null: as long as it takes. */
  readonly timeoutMs?: number | null;
  readonly signal?: AbortSignal | undefined;
}

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

/** The way to one engine. */
export class EngineConnection {
  readonly address: EngineAddress;
  readonly #world: World;

  constructor(address: EngineAddress, world: World) {
    this.address = address;
    this.#world = world;
  }

  /** Rejects with an `EngineError` where there is no answer; any status is one. */
  async ask(question: Question): Promise<Answer> {
    const message = await this.stream(question);
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of message as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > answerBytesMax) throw new Error(`the answer is longer than ${answerBytesMax} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#failure(question, error as NodeJS.ErrnoException);
    }
    const text = Buffer.concat(chunks).toString();
    return { status: message.statusCode ?? 0, headers: message.headers, text };
  }

  /** The answer as soon as its head is there. Whoever asks reads the body, or destroys it. */
  stream(question: Question): Promise<IncomingMessage> {
    return this.#send(question, (sent, resolve) => sent.once("response", resolve));
  }

  /** The connection itself, once the engine gives up HTTP on it; what arrived already is put back. Any other answer is a rejection by `refused`. */
  upgrade(question: Question, refused: (answer: IncomingMessage) => Promise<Error>): Promise<Socket> {
    const headers = { ...question.headers, Connection: "Upgrade", Upgrade: "tcp" };
    return this.#send<Socket>({ ...question, headers }, (sent, resolve, reject) => {
      sent.once("upgrade", (_answer: IncomingMessage, socket: Socket, head: Buffer) => {
        if (head.length > 0) socket.unshift(head);
        socket.on("error", () => socket.destroy());
        resolve(socket);
      });
      sent.once("response", (answer: IncomingMessage) => void refused(answer).then(reject, reject));
    });
  }

  #send<T>(
    question: Question,
    listen: (sent: ClientRequest, resolve: (result: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const { method, path, body, timeoutMs = answerMsMax, signal } = question;
    const isJson = body !== undefined && !isStream(body);
    const json = isJson ? JSON.stringify(body) : "";
    const type = isJson ? { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(json)) } : {};
    const headers = { Host: "docker", ...type, ...question.headers };
    const agent = new Agent({ keepAlive: false });
    const sent = request({ ...this.address, agent, method, path, headers, ...(signal ? { signal } : {}) });
    const stopClock =
      timeoutMs === null
        ? () => {}
        : this.#world.after(timeoutMs, () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    sent.on("error", (error) => reject(signal?.aborted === true ? signal.reason : this.#failure(question, error)));
    listen(sent, resolve, reject);
    if (body !== undefined && isStream(body)) body.on("error", (error) => sent.destroy(error)).pipe(sent);
    else sent.end(json);
    return promise.finally(stopClock);
  }

  #failure({ purpose }: Question, error: NodeJS.ErrnoException): EngineError {
    return new EngineError(purpose, null, whyAway(error, addressText(this.address)), error);
  }
}

function isStream(body: object): body is Readable {
  return typeof (body as Readable).pipe === "function";
}

/** What is wrong with the way to the engine, and what to do. */
function whyAway(error: NodeJS.ErrnoException, address: string): string {
  switch (error.code) {
    case "ENOENT":
      return `there is no socket at ${address}. Install Docker (apt-get install docker.io) and start it, or say where it is by DOCKER_HOST`;
    case "ECONNREFUSED":
      return `nobody listens at ${address}. Start Docker: systemctl start docker, or dockerd`;
    case "EACCES":
    case "EPERM":
      return `this user may not use ${address}. Run the server as root, or add its user to the group docker`;
    case "ECONNRESET":
    case "EPIPE":
      return `the engine at ${address} broke off. It was stopped, as a rule: start it again`;
    default:
      return `${address}: ${error.message}`;
  }
}
