import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { EndReason } from "../protocol.ts";
import { acceptedText, notFoundText } from "./answers.ts";
import { headerOf, refuse } from "./asked.ts";
import type { Asked, Connection } from "./connection.ts";
import type { EventType, Extension } from "./extension.ts";
import { errorTypeMissingText, wrongStateOfText } from "./extension-answers.ts";
import { type AboutFunction, ExtensionRegistry } from "./extension-registry.ts";
import { platformSaid } from "./failures.ts";
import { runtimeEndMs } from "./launcher.ts";
import { LauncherLine } from "./launcher-line.ts";
import { Telemetry } from "./telemetry/telemetry.ts";

/** What extensions have to deal with the end of their sandbox, in ms. */
const shutdownMs = 2000;

export interface ExtensionsOptions {
  /** Those that are programs of their own. */
  readonly names: readonly string[];
  readonly about: AboutFunction;
  readonly world: World;
  /** Hears a line that one of them printed. */
  readonly printed: (text: string) => void;
}

/** Who has extensions beside his program. */
export interface ExtensionsOwner {
  /** Something went wrong with one when all was ready, so the sandbox is of no use any more. */
  failed(error: PlatformError): void;
  /** The function's program has ended. */
  runtimeEnded(): void;
}

/** A call as extensions hear of it. */
export interface InvokedCall {
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
  readonly invokedFunctionArn: string;
  /** As Lambda writes one; undefined: there is none. */
  readonly traceId: string | undefined;
}

/**
 * Extensions of one sandbox (the Extensions API): who they are, what they hear, and what becomes of the sandbox when one of them fails. They are *starting*
 * until each has polled for its first event and the function's program is ready, then they hear of calls, and *leave* when the sandbox is to end.
 */
export class Extensions {
  /** Resolves when all of them and the function's program are ready; rejects with what went wrong with one before. */
  readonly ready: Promise<void>;
  readonly telemetry: Telemetry;
  readonly #options: ExtensionsOptions;
  readonly #registry: ExtensionRegistry;
  readonly #starting = Promise.withResolvers<void>();
  readonly #launcher: LauncherLine;
  #owner: ExtensionsOwner | null = null;
  #runtime: "starting" | "ready" | "ended" = "starting";
  #failure: PlatformError | null = null;
  /** Who waits for something that may be so now. */
  #lookers: (() => void)[] = [];
  #leaving: Promise<void> | null = null;

  constructor(options: ExtensionsOptions) {
    const { names, world, about } = options;
    this.#options = options;
    this.#registry = new ExtensionRegistry(names, about, world);
    this.#launcher = new LauncherLine({
      printed: (at, text) => this.#printed(this.#all[at], text),
      extensionEnded: (at, status) => this.#ended(this.#all[at], status),
      runtimeEnded: () => this.#runtimeEnded(),
    });
    this.telemetry = new Telemetry({ world, about, line: names.length === 0 ? null : this.#launcher });
    this.ready = this.#starting.promise;
    this.ready.catch(() => {});
  }

  /** Hears of what goes wrong from now on. */
  set owner(owner: ExtensionsOwner) {
    this.#owner = owner;
  }

  get #all(): readonly Extension[] {
    return this.#registry.all;
  }

  /** Somebody has registered. */
  get areThere(): boolean {
    return this.#all.length > 0;
  }

  /** Some are programs of their own, beside the function's. */
  get haveProcesses(): boolean {
    return this.#options.names.length > 0;
  }

  /** The function's program is ready: from now on nobody registers. */
  runtimeReady(): void {
    if (this.#runtime !== "starting") return;
    this.#runtime = "ready";
    this.#registry.isClosed = true;
    this.telemetry.runtimeReady();
    this.#look();
  }

  invoke(call: InvokedCall): void {
    const { requestId, deadlineMs, invokedFunctionArn, traceId } = call;
    const tracing = traceId === undefined ? {} : { tracing: { type: "X-Amzn-Trace-Id", value: traceId } };
    this.#tell("INVOKE", { eventType: "INVOKE", deadlineMs, requestId, invokedFunctionArn, ...tracing });
  }

  /** Resolves once no extension has anything to do; null: none has. */
  settling(): Promise<void> | null {
    return this.#areIdle() ? null : this.#until(() => this.#areIdle());
  }

  /** Ends the function's program, then tells extensions that it is over; resolves when they have ended, or had their time. */
  leave(reason: EndReason): Promise<void> {
    this.#leaving ??= this.#leave(reason);
    return this.#leaving;
  }

  /** Nobody is there any more. */
  close(): void {
    this.#starting.reject(new PlatformError("function_start_failed", "The sandbox ended before its extensions were ready"));
    for (const extension of this.#all) extension.state = "ended";
    this.#runtime = "ended";
    this.telemetry.close();
    this.#launcher.end();
    this.#look();
  }

  closed(connection: Connection): void {
    for (const extension of this.#all) extension.closed(connection);
  }

  /** A request that is none of the function's own program. */
  asked(request: Asked): void {
    if (this.#launcher.asked(request)) return;
    const { method, path } = request.head;
    if (method === "POST" && path === registerPath) return void this.#register(request);
    const serve = this.#served(method, path);
    if (serve === undefined) return refuse(request, notFoundText);
    const extension = this.#registry.asking(request);
    if (extension !== undefined) serve(request, extension);
  }

  #served(method: string, path: string): ((request: Asked, extension: Extension) => void) | undefined {
    if (method === "GET") return path === nextPath ? (...asked) => this.#next(...asked) : undefined;
    if (method === "PUT") return this.telemetry.served(path, () => this.#runtime === "starting");
    if (method !== "POST") return undefined;
    if (path === initErrorPath) return (...asked) => this.#said("Extension.InitError", ...asked);
    return path === exitErrorPath ? (...asked) => this.#said("Extension.ExitError", ...asked) : undefined;
  }

  async #register(request: Asked): Promise<void> {
    const extension = await this.#registry.register(request);
    if (extension === undefined) return;
    this.telemetry.registered(extension);
    if (this.#all.every(({ state }) => state !== "started")) this.#launcher.start();
  }

  #next({ connection }: Asked, extension: Extension): void {
    const { state, name } = extension;
    if (state === "failed" || state === "ended") return connection.answer(wrongStateOfText(state, "ready", name));
    extension.poll(connection);
    this.#look();
  }

  #said(type: string, request: Asked, extension: Extension): void {
    const said = headerOf(request, "lambda-extension-function-error-type");
    if (said === undefined || said === "") return refuse(request, errorTypeMissingText);
    const { state, name } = extension;
    if (type === "Extension.InitError" && state !== "registered" && state !== "failed")
      return refuse(request, wrongStateOfText(state, "failed", name));
    extension.state = "failed";
    refuse(request, acceptedText);
    this.#fail(type, `Extension ${name} said ${said}`);
  }

  #printed(extension: Extension | undefined, text: string): void {
    if (extension !== undefined) this.telemetry.line("extension", text);
    this.#options.printed(text);
  }

  #ended(extension: Extension | undefined, status: number): void {
    if (extension === undefined) return;
    const isLaunched = extension.state !== "started" || (status !== notExecutable && status !== notFound);
    const type = isLaunched ? "Extension.Crash" : "Extension.LaunchError";
    extension.state = "ended";
    this.#look();
    this.#fail(type, `Extension ${extension.name} ended with exit code ${status}`);
  }

  #runtimeEnded(): void {
    const before = this.#runtime;
    this.#runtime = "ended";
    this.#look();
    if (before === "starting") this.#launcher.end();
    else if (this.#leaving === null) this.#owner?.runtimeEnded();
  }

  /** The first that goes wrong counts; what happens at the end does not. */
  #fail(type: string, message: string): void {
    if (this.#failure !== null || this.#leaving !== null) return;
    this.#failure = platformSaid(type, message);
    this.#starting.reject(this.#failure);
    this.#look();
    this.#owner?.failed(this.#failure);
  }

  async #leave(reason: EndReason): Promise<void> {
    const { world } = this.#options;
    const deadlineMs = world.now() + shutdownMs;
    this.telemetry.leaving();
    if (this.#runtime !== "ended") {
      this.#launcher.endRuntime();
      await this.#until(() => this.#runtime === "ended", runtimeEndMs);
    }
    this.#tell("SHUTDOWN", { eventType: "SHUTDOWN", deadlineMs, shutdownReason: reason });
    const isOver = () => this.#all.every((each) => !each.hears("SHUTDOWN") || each.hasLeft);
    await this.#until(isOver, Math.max(0, deadlineMs - world.now()));
    this.telemetry.close();
    this.#launcher.end();
  }

  #tell(type: EventType, event: object): void {
    const text = JSON.stringify(event);
    for (const each of this.#all) if (each.hears(type)) each.tell({ id: this.#registry.newId(), text });
  }

  #areIdle(): boolean {
    return this.#failure !== null || this.#leaving !== null || this.#all.every((each) => each.isIdle || each.state === "ended");
  }

  /** Something has changed. */
  #look(): void {
    if (this.#runtime === "ready" && this.#all.every(({ state }) => state === "ready")) this.#starting.resolve();
    for (const look of this.#lookers.slice()) look();
  }

  /** Resolves when it is so, or after so many ms. */
  #until(isSo: () => boolean, msMax?: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#lookers = this.#lookers.filter((each) => each !== look);
        stopClock();
        resolve();
      };
      const look = () => {
        if (isSo()) done();
      };
      const stopClock = msMax === undefined ? () => {} : this.#options.world.after(msMax, done);
      this.#lookers.push(look);
      look();
    });
  }
}

const version = "/2020-01-01/extension";
const registerPath = `${version}/register`;
const nextPath = `${version}/event/next`;
const initErrorPath = `${version}/init/error`;
const exitErrorPath = `${version}/exit/error`;

/** As shells say it. */
const notExecutable = 126;
const notFound = 127;
