/** Sandboxes in memory, for tests: a program is a function of ours, and a connection is a pair of streams. */
import { type Duplex, duplexPair } from "node:stream";
import { StdioExitError } from "../../lib/exit-error.ts";
import { PlatformError } from "../../model/error.ts";
import type { Egress } from "../../model/model.ts";
import { untilAborted } from "../../lib/until-aborted.ts";
import type { Sandbox, SandboxDriver, SandboxExit, SandboxSpec } from "../sandbox.ts";

/**
 * A program. It ends with the status it returns (nothing: 0); an error is status 1 with the error on STDERR. It should end when
 * `inside.signal` is aborted: the sandbox was stopped, whatever the program still does.
 */
export type FakeProgram = (inside: FakeInside) => Promise<number | void> | number | void;

/** What a program has. */
export interface FakeInside {
  readonly spec: SandboxSpec;
  readonly signal: AbortSignal;
  /** The next connection that the platform makes; its end is also what `signal` tells. */
  accept(): Promise<Duplex>;
  print(stream: "stdout" | "stderr", text: string): void;
  /** From now on the sandbox is said to hold this much; nothing is known of one that never said. */
  hold(bytes: number): void;
}

/** A driver that a test can look into. */
export interface FakeDriver extends SandboxDriver {
  /** Those that are not stopped, in the order of their creation. */
  readonly living: readonly FakeSandbox[];
  /** How many were ever created. */
  readonly created: number;
}

/** Programs are looked up by the first word of the command. `pausing: false` makes a driver that cannot pause. */
export function fakeDriver(
  programs: Readonly<Record<string, FakeProgram>>,
  options: { readonly pausing?: boolean } = {},
): FakeDriver {
  const living = new Set<FakeSandbox>();
  let created = 0;
  let closed = false;
  return {
    name: "fake",
    get living() {
      return [...living];
    },
    get created() {
      return created;
    },
    async create(spec) {
      if (closed) throw new PlatformError("internal", "The sandbox driver is closed");
      const program = programs[spec.command[0] ?? ""];
      if (program === undefined) throw new PlatformError("internal", `There is no fake program ${spec.command[0]}`);
      created += 1;
      const sandbox = new FakeSandbox(spec, program, options.pausing ?? true, () => living.delete(sandbox));
      living.add(sandbox);
      return sandbox;
    },
    async close() {
      closed = true;
      await Promise.all([...living].map((sandbox) => sandbox.stop()));
    },
  };
}

/** One running function. */
class FakeSandbox implements Sandbox {
  readonly id: string;
  readonly exited: Promise<SandboxExit>;
  readonly pause?: () => Promise<void>;
  readonly resume?: () => Promise<void>;
  paused = false;
  /** What it may connect to. */
  egress: Egress;
  /** The last weight that it was given; null: what its memory makes. */
  cpuWeight: number | null;
  /** The processors that it was last told to run on; null: all. */
  cores: readonly number[] | null;
  #heldBytes: number | null = null;
  readonly #spec: SandboxSpec;
  readonly #stopped: () => void;
  readonly #exiting = Promise.withResolvers<SandboxExit>();
  /** Aborted when the program has ended or the sandbox was stopped. */
  readonly #over = new AbortController();
  readonly #streams = new Set<Duplex>();
  /** Connections that one side waits for the other to take. */
  readonly #accepting: ((connection: Duplex) => void)[] = [];
  readonly #dialed: Duplex[] = [];
  #isConnected = false;
  #hasExited = false;

  constructor(spec: SandboxSpec, program: FakeProgram, pausing: boolean, stopped: () => void) {
    this.id = spec.id;
    this.egress = spec.egress;
    this.cpuWeight = spec.limits.cpuWeight ?? null;
    this.cores = spec.limits.cores ?? null;
    this.#spec = spec;
    this.#stopped = stopped;
    this.exited = this.#exiting.promise;
    if (pausing) {
      this.pause = async () => {
        this.paused = true;
      };
      this.resume = async () => {
        this.paused = false;
      };
    }
    void this.#run(program);
  }

  async connect(signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const { via } = this.#spec.endpoint;
    if ((via === "callback" || via === "stdio") && this.#isConnected) {
      throw new PlatformError("internal", `The connection of sandbox ${this.id} was asked for twice`);
    }
    this.#isConnected = true;
    if (via === "stdio") return this.#stdio();
    const accepted = this.#accepted();
    return await untilAborted(accepted, AbortSignal.any([signal, this.#over.signal]));
  }

  async memoryBytes(): Promise<number | null> {
    return this.#heldBytes;
  }

  async weigh(cpuWeight: number): Promise<void> {
    this.cpuWeight = cpuWeight;
  }

  async move(cores: readonly number[]): Promise<void> {
    this.cores = cores;
  }

  async restrict(egress: readonly string[]): Promise<void> {
    this.egress = egress;
  }

  async stop(): Promise<SandboxExit> {
    this.#exit({ code: null, signal: "SIGKILL", outOfMemory: false });
    this.#stopped();
    return await this.exited;
  }

  async #run(program: FakeProgram): Promise<void> {
    // The sandbox exists before its program does anything, as with real ones.
    await Promise.resolve();
    try {
      const code = await program(this.#inside());
      this.#exit({ code: code ?? 0, signal: null, outOfMemory: false });
    } catch (error) {
      if (!this.#hasExited) this.#spec.output("stderr", Buffer.from(`${String(error)}\n`));
      this.#exit({ code: 1, signal: null, outOfMemory: false });
    }
  }

  #inside(): FakeInside {
    return {
      spec: this.#spec,
      signal: this.#over.signal,
      accept: () => untilAborted(this.#accept(), this.#over.signal),
      print: (stream, text) => {
        if (!this.#hasExited) this.#spec.output(stream, Buffer.from(text));
      },
      hold: (bytes) => {
        this.#heldBytes = bytes;
      },
    };
  }

  /** There whether the program takes its end or not; it ends as the program did. */
  #stdio(): Duplex {
    const [ours, theirs] = this.#pair();
    const accept = this.#accepting.shift();
    if (accept !== undefined) accept(theirs);
    else this.#dialed.push(theirs);
    void this.exited.then(({ code, signal }) => {
      if (code !== 0) ours.destroy(new StdioExitError(code, signal));
      else if (!theirs.writableEnded) theirs.end();
    });
    return ours;
  }

  /** The platform's end; there as soon as the program takes the other one. */
  #accepted(): Promise<Duplex> {
    const [ours, theirs] = this.#pair();
    const accept = this.#accepting.shift();
    if (accept !== undefined) {
      accept(theirs);
      return Promise.resolve(ours);
    }
    this.#dialed.push(theirs);
    return new Promise((resolve) => theirs.once("accepted", () => resolve(ours)));
  }

  async #accept(): Promise<Duplex> {
    const dialed = this.#dialed.shift();
    if (dialed === undefined) return await new Promise((resolve) => this.#accepting.push(resolve));
    dialed.emit("accepted");
    return dialed;
  }

  #pair(): [Duplex, Duplex] {
    const pair = duplexPair();
    for (const stream of pair) {
      stream.on("error", () => {});
      this.#streams.add(stream);
      stream.once("close", () => this.#streams.delete(stream));
    }
    return pair;
  }

  #exit(exit: SandboxExit): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    const message = `The program ended with exit code ${exit.code} before it could be reached`;
    this.#over.abort(new PlatformError("function_start_failed", message, { details: { ...exit } }));
    // A killed program's streams just end; what an ended one has written can still be read.
    for (const stream of this.#streams) {
      if (!stream.writableEnded && this.#spec.endpoint.via !== "stdio") stream.end();
    }
    this.#exiting.resolve(exit);
  }
}
