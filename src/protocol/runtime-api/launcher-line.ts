import type { BodySink } from "../../lib/body.ts";
import { LineSplitter } from "../../lib/lines.ts";
import { notFoundText, okText } from "./answers.ts";
import { refuse } from "./asked.ts";
import type { Asked, Connection } from "./connection.ts";

/** What the launcher in a sandbox tells (`launcher.ts`). Extensions are told apart by their number. */
export interface LauncherHearer {
  /** A line that an extension printed. */
  printed(extension: number, text: string): void;
  extensionEnded(extension: number, status: number): void;
  runtimeEnded(): void;
}

/** Prefix of the paths of our own launcher. */
const prefix = "/kiln/";

/**
 * Our side of the launcher: it waits with the function's program until extensions have registered, and with its own end until it may end; it is told to
 * end the program, and passes on what is for programs in its sandbox.
 */
export class LauncherLine {
  readonly #hearer: LauncherHearer;
  #starting: Asked | null = null;
  #mayStart = false;
  #ending: Asked | null = null;
  #mayEnd = false;
  #control: Connection | null = null;
  #relay: Connection | null = null;
  /** What was to be passed on before there was somebody to do so. */
  readonly #untold: (string | Buffer)[] = [];

  constructor(hearer: LauncherHearer) {
    this.#hearer = hearer;
  }

  /** Bytes that wait to be passed on. */
  get unsentBytes(): number {
    return this.#relay?.unsentBytes ?? this.#untold.reduce((bytes, each) => bytes + each.length, 0);
  }

  /** False: it is no request of the launcher's. */
  asked(request: Asked): boolean {
    const { path } = request.head;
    if (!path.startsWith(prefix)) return false;
    const [what, number, more, status] = path.slice(prefix.length).split("/");
    if (what === "extensions" && more === "output") this.#output(request, Number(number));
    else if (what === "extensions" && more === "ended") this.#told(request, () => this.#extensionEnded(number, status));
    else if (what === "extensions" && number === "registered") this.#waits(request);
    else if (what === "runtime" && number === "ended") this.#ended(request);
    else if (what === "control") this.#control ??= request.connection;
    else if (what === "relay") this.#relayed(request.connection);
    else refuse(request, notFoundText);
    return true;
  }

  /** All extensions have registered. */
  start(): void {
    this.#mayStart = true;
    this.#starting?.connection.answer(okText);
    this.#starting = null;
  }

  /** The function's program is to end. */
  endRuntime(): void {
    this.#control?.say("end\n");
  }

  /** All is told, so the launcher may end. */
  end(): void {
    this.#mayEnd = true;
    this.#ending?.connection.answer(okText);
    this.#starting?.connection.close();
  }

  /** Passes on bytes to a port of the sandbox's loopback; an answer to HTTP is awaited and thrown away. */
  pass(kind: "http" | "tcp", port: number, bytes: Buffer): void {
    const head = `${kind} ${port} ${bytes.length}\n`;
    if (this.#relay === null) this.#untold.push(head, bytes);
    else this.#relay.say(Buffer.concat([Buffer.from(head), bytes]));
  }

  #waits(request: Asked): void {
    this.#starting = request;
    if (this.#mayStart) this.start();
  }

  #ended(request: Asked): void {
    this.#ending = request;
    request.body.cancel();
    this.#hearer.runtimeEnded();
    if (this.#mayEnd) this.end();
  }

  #relayed(connection: Connection): void {
    if (this.#relay !== null) return;
    this.#relay = connection;
    for (const each of this.#untold.splice(0)) connection.say(each);
  }

  #told(request: Asked, tell: () => void): void {
    request.body.cancel();
    request.connection.answer(okText);
    tell();
  }

  #extensionEnded(number: string | undefined, status: string | undefined): void {
    this.#hearer.extensionEnded(Number(number), Number(status));
  }

  #output({ body }: Asked, number: number): void {
    body.pipe(new Lines((text) => this.#hearer.printed(number, text)));
  }
}

/** Lines of a body that ends with whoever prints them. */
class Lines implements BodySink {
  readonly #splitter: LineSplitter;

  constructor(line: (text: string) => void) {
    this.#splitter = new LineSplitter(line);
  }

  chunk(data: Buffer): boolean {
    this.#splitter.push(data);
    return true;
  }

  end(): void {
    this.#splitter.end();
  }

  fail(): void {
    this.#splitter.end();
  }
}
