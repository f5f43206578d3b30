/** AWS's own runtime clients, each started as a plain process, with the smallest Runtime API that they can do with. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter } from "node:path";
import { pipKit, python } from "./kits.ts";
import { cleanEnvironment } from "./platform.ts";

/** What it made of an event: how it told so, and the text. */
export interface PlainOutcome {
  readonly kind: "response" | "error" | "init error";
  readonly text: string;
}

export interface PlainEvent {
  readonly text: string;
  readonly requestId: string;
  /** Headers of the event besides its id and deadline. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where its packages are. */
export const awsRuntimeClient = (): Promise<string> => pipKit(["awslambdaric==4.2.2"]);

/** A program that has such a client. */
export interface PlainProgram {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where it starts; absent: where this process is. */
  readonly folder?: string;
}

/** A function that is run by such a client. Events one after the other; it is gone after an `init error`, and after `stop`. */
export class PlainLambda {
  readonly #server: Server;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  /** The poll that waits for an event. */
  #polled = Promise.withResolvers<ServerResponse>();
  #outcome = Promise.withResolvers<PlainOutcome>();

  /** A folder's handler, run by the client for Python. */
  static start(folder: string, handler: string, packages: string, env: Readonly<Record<string, string>> = {}) {
    const paths = { PYTHONPATH: [folder, packages].join(delimiter), PYTHONDONTWRITEBYTECODE: "1" };
    return PlainLambda.run({ command: [python, "-m", "awslambdaric", handler], env: { ...paths, ...env }, folder });
  }

  static async run(program: PlainProgram): Promise<PlainLambda> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = createServer().listen(0, "127.0.0.1", resolve);
    await promise;
    return new PlainLambda(server, program);
  }

  private constructor(server: Server, { command, env, folder }: PlainProgram) {
    this.#server = server.on("request", (request, response) => void this.#serve(request, response));
    const { port } = server.address() as AddressInfo;
    const [file = "", ...args] = command;
    this.#child = spawn(file, args, {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...cleanEnvironment, ...env, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}` },
    });
    this.#ended = once(this.#child, "exit");
  }

  /** Gives it an event, and waits for what it makes of that. */
  async invoke({ text, requestId, headers = {} }: PlainEvent): Promise<PlainOutcome> {
    const outcome = this.#outcome;
    const next = await Promise.race([this.#polled.promise, outcome.promise]);
    if ("kind" in next) return next;
    this.#polled = Promise.withResolvers();
    next.writeHead(200, {
      "Content-Type": "application/json",
      "Lambda-Runtime-Aws-Request-Id": requestId,
      "Lambda-Runtime-Deadline-Ms": String(Date.now() + 60_000),
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:000000000000:function:hello",
      ...headers,
    });
    next.end(text);
    const answered = await outcome.promise;
    this.#outcome = Promise.withResolvers();
    return answered;
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#ended;
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "" } = request;
    if (url.endsWith("/next")) return this.#polled.resolve(response);
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += piece;
    response.writeHead(202, { "Content-Type": "application/json" }).end('{"status":"OK"}');
    this.#outcome.resolve({ kind: url.includes("/init/") ? "init error" : url.endsWith("/error") ? "error" : "response", text });
  }
}
