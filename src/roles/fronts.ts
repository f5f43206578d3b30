import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { type Bound, type ListenAddress, probe } from "../http/bind.ts";
import { type HttpConfig, httpDefaults } from "../http/config.ts";
import type { FastRoute } from "../http/http.ts";
import { CoreLink } from "../http/link/core-link.ts";
import type { FrontFigures, FrontInit } from "../http/link/link.ts";
import type { Listener } from "../http/listener.ts";
import type { World } from "../lib/world.ts";
import type { Logger } from "../telemetry/logger.ts";
import { family, familyBy, type HealthCheck, type MetricFamily } from "../telemetry/telemetry.ts";
import { version } from "./version.ts";

export interface FrontsParts {
  readonly world: World;
  readonly logger: Logger;
  readonly count: number;
  readonly config: Partial<HttpConfig>;
  readonly routes: readonly FastRoute[];
  /** Takes the connections that the fronts pass on; does not listen itself. */
  readonly listener: Listener;
  readonly bug: (error: unknown) => void;
}

/** Times of a front process, in ms. */
const startMsMax = 30_000;
const backoffMs = { first: 100, max: 10_000 } as const;
/** One that lived for so long did not fail because of its start. */
const soundMs = 60_000;
/** A front tells its figures every second; one that says nothing for so long hangs. */
const silentMsMax = 60_000;
/** What a front has beyond the grace time before it is killed. */
const leaveMs = 2000;

/** The front processes of a server: they listen in its place, as long as it wants (docs/decisions/0018-front-processes.md). */
export class Fronts {
  readonly #parts: FrontsParts;
  readonly #fronts: FrontProcess[] = [];

  constructor(parts: FrontsParts) {
    this.#parts = parts;
  }

  /** Resolves when all listen. Throws as a listener does, with no front left. */
  async listen(address: ListenAddress): Promise<Bound> {
    const { count } = this.#parts;
    const bound = await probe(address);
    const http = { ...httpDefaults, ...this.#parts.config };
    const connectionsMax = Math.ceil(http.connectionsMax / count);
    const init = { listen: { host: bound.host, port: bound.port }, http: { ...http, connectionsMax } };
    for (let number = 1; number <= count; number++) this.#fronts.push(new FrontProcess(number, init, this.#parts));
    try {
      await Promise.all(this.#fronts.map((front) => front.start()));
    } catch (error) {
      await this.close(0);
      throw error;
    }
    return bound;
  }

  /** Accepts nothing more, lets running requests end, and after `graceMs` cuts what is left. */
  async close(graceMs: number): Promise<void> {
    await Promise.all([...this.#fronts.map((front) => front.close(graceMs)), this.#parts.listener.close(graceMs)]);
  }

  /** For `/readyz`. */
  get check(): HealthCheck {
    return {
      name: "fronts",
      look: async () => {
        const missing = this.#fronts.filter(({ serving }) => !serving).map(({ number }) => number);
        if (missing.length === 0) return null;
        return `Front process ${missing.join(", ")} of ${this.#fronts.length} does not listen; it is being started again`;
      },
    };
  }

  families(): MetricFamily[] {
    const fronts = this.#fronts;
    const each = (value: (front: FrontProcess) => number) =>
      Object.fromEntries(fronts.map((front) => [front.number, value(front)]));
    const serving = fronts.filter((front) => front.serving).length;
    return [
      familyBy("gauge", "fronts", "Front processes", "state", { serving, starting: fronts.length - serving }),
      family(
        "counter",
        "front_restarts_total",
        "Front processes that ended unasked",
        sum(fronts.map(({ restarts }) => restarts)),
      ),
      familyBy(
        "gauge",
        "front_connections",
        "Connections that are open",
        "front",
        each(({ figures }) => figures.connections),
      ),
      familyBy(
        "counter",
        "front_accepted_total",
        "Connections that came",
        "front",
        each(({ figures }) => figures.accepted),
      ),
      familyBy(
        "counter",
        "front_cpu_seconds_total",
        "CPU time of a front process",
        "front",
        each(({ figures }) => figures.cpuS),
      ),
      familyBy(
        "gauge",
        "front_resident_bytes",
        "Memory of a front process",
        "front",
        each(({ figures }) => figures.residentBytes),
      ),
    ];
  }
}

const noFigures: FrontFigures = { connections: 0, accepted: 0, cpuS: 0, residentBytes: 0 };

/**
 * One front and its successors. `starting`: it does not listen yet; `serving`; `waiting`: it ended, and the next one is started in a moment;
 * `closing`: none is started any more.
 */
class FrontProcess {
  readonly number: number;
  restarts = 0;
  figures: FrontFigures = noFigures;
  readonly #init: FrontInit;
  readonly #parts: FrontsParts;
  #state: "starting" | "serving" | "waiting" | "closing" = "starting";
  #child: ChildProcess | null = null;
  #link: CoreLink | null = null;
  #exited: Promise<void> = Promise.resolve();
  #startedAtMs = 0;
  #nextBackoffMs: number = backoffMs.first;
  #callOff: () => void = () => {};
  #heard: () => void = () => {};

  constructor(number: number, init: FrontInit, parts: FrontsParts) {
    this.number = number;
    this.#init = init;
    this.#parts = parts;
  }

  get serving(): boolean {
    return this.#state === "serving";
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const { world } = this.#parts;
    this.#state = "starting";
    this.#startedAtMs = world.monotonic();
    const child = startProcess();
    const exited = Promise.withResolvers<void>();
    this.#child = child;
    this.#exited = exited.promise;
    const link = this.#connect(child);
    this.#link = link;
    const ended = (reason: string) => {
      link.close();
      exited.resolve();
      if (this.#child === child) this.#ended(reason);
    };
    child.once("error", (error) => ended(error.message));
    child.once("exit", (code, signal) => ended(signal ?? `status ${code}`));
    const callOff = world.after(startMsMax, () => child.kill("SIGKILL"));
    try {
      await link.listening;
      if (this.#state === "starting") this.#state = "serving";
    } finally {
      callOff();
    }
  }

  async close(graceMs: number): Promise<void> {
    const wasServing = this.serving;
    this.#state = "closing";
    this.#callOff();
    if (wasServing) this.#link?.drain(graceMs);
    else this.#child?.kill("SIGKILL");
    const stopWaiting = this.#parts.world.after(graceMs + leaveMs, () => this.#child?.kill("SIGKILL"));
    await this.#exited;
    stopWaiting();
  }

  #connect(child: ChildProcess): CoreLink {
    const { world, routes, listener, bug } = this.#parts;
    return new CoreLink(child.stdio[3] as Socket, this.#init, {
      world,
      version,
      routes,
      adopt: (socket, peer) => listener.adopt(socket, peer),
      bug,
      figures: (figures) => {
        if (this.#child === child) this.figures = figures;
        this.#heard();
        this.#heard = world.after(silentMsMax, () => child.kill("SIGKILL"));
      },
      // Nothing it says is heard any more. A front that leaves ends by itself.
      closed: () => void (this.#state === "closing" || child.kill("SIGKILL")),
    });
  }

  #ended(reason: string): void {
    this.#child = null;
    this.figures = noFigures;
    this.#heard();
    if (this.#state === "closing") return;
    const { world, logger } = this.#parts;
    const wasServing = this.serving;
    this.#state = "waiting";
    if (world.monotonic() - this.#startedAtMs >= soundMs) this.#nextBackoffMs = backoffMs.first;
    const waitMs = this.#nextBackoffMs;
    this.#nextBackoffMs = Math.min(2 * waitMs, backoffMs.max);
    if (!wasServing && this.restarts === 0) return;
    this.restarts++;
    logger.error("A front process ended, and its connections with it; another is started", { reason, durationMs: waitMs });
    this.#callOff = world.after(waitMs, () => void this.start().catch((error: unknown) => this.#failed(error)));
  }

  /** It will end, or has, and the next one is tried. */
  #failed(err: unknown): void {
    if (this.#state !== "closing") this.#parts.logger.error("A front process could not be started again", { err });
    this.#child?.kill("SIGKILL");
  }
}

function startProcess(): ChildProcess {
  const main = fileURLToPath(import.meta.url).replace(/fronts(\.[jt]s)$/, "front-main$1");
  return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main], {
    cwd: "/",
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
