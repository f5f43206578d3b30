/**
 * Starts, pauses and kills isolated processes.
 *
 * Promises: code in a sandbox sees its read-only root, its code, a small /tmp and nothing else of the machine; `stop` ends the
 * whole tree, frozen or not, and leaves nothing behind; a program that crashes is a value (`exited`), a driver that breaks
 * throws. Deliberately absent: what is spoken over the connection (protocol/), when to start or stop (agent/), and where
 * roots come from (image/). The process that calls a driver never forks: a spawner process does, or an engine of others.
 */
import type { Duplex } from "node:stream";
import type { Egress } from "../model/model.ts";
import type { ContainerNetworks } from "./egress/egress.ts";

/** Makes sandboxes of one technology. */
export interface SandboxDriver {
  /** bubblewrap, process, docker, fake, or an extension's own. */
  readonly name: string;
  /**
   * Starts a sandbox and resolves as soon as its process exists; whether the program inside is ready shows in `connect`.
   * Throws `PlatformError` internal when the driver itself fails.
   */
  create(spec: SandboxSpec): Promise<Sandbox>;
  /**
   * Sandboxes like this one are likely to be asked for: this many are made ready, up to the point where it must be known whose they are. Best effort,
   * and absent where there is nothing to make ready. What tells one from another counts for nothing: id, code, command and environment.
   */
  expect?(spec: Omit<SandboxSpec, "output">, count: number): void;
  /** Connections and packets that were refused by what sandboxes may connect to, some seconds ago; absent where nothing counts them. */
  refusedCount?(): number;
  /** Networks as its sandboxes have them, for containers of somebody else; absent where it has none. */
  readonly networks?: ContainerNetworks | undefined;
  /** Why no sandbox can be started now, with the fix; null: nothing is known. Absent where it shows at the start of the server. */
  trouble?(): Promise<string | null>;
  /** Ends every sandbox and the spawner, and removes what they used. */
  close(): Promise<void>;
}

/** What is to run, in the paths that the code inside sees. */
export interface SandboxSpec {
  /** Unique among living sandboxes: letters, digits and dashes, at most 40. */
  readonly id: string;
  /** Host folder that becomes `/`, read-only and shared; null where the driver runs on the host's own files (`process`). */
  readonly root: string | null;
  /** A container image in place of a root, by the id that the driver's engine has for it; only for drivers of such an engine. */
  readonly image?: string | undefined;
  /** Host folder that becomes `/function`, read-only. What is in it does not change while the sandbox lives, but for `codeComesLater`. */
  readonly code: string | null;
  /** Where else that folder appears; the program starts there. Absent: nowhere. */
  readonly codePlace?: string | undefined;
  /** Host folder that becomes `/opt`, read-only: what layers hold. Absent: the root's own is there. */
  readonly layers?: string | undefined;
  /** Names that lead to its own loopback, besides those of the root. Absent: none; `process` has only the machine's. */
  readonly localNames?: readonly string[] | undefined;
  /** What appears in the folder of the code later is to be seen inside. */
  readonly codeComesLater?: boolean;
  /** Host folder that becomes `/runtime`, read-only: our own shim for the kind. */
  readonly runtime: string | null;
  /** Program and arguments. The first is looked up in the `PATH` of `env`. */
  readonly command: readonly string[];
  /** Where it starts, as it sees it; absent: in the folder of its code, or in `/` without code. */
  readonly workingFolder?: string | undefined;
  /**
   * Folders of the root, or new ones, that the program may write to, each as much as to /tmp; files that are there already stay as they are. A driver
   * whose engine cannot lay the two over each other gives a folder `action` in the working folder. Absent: none.
   */
  readonly writable?: readonly string[] | undefined;
  /** What it sees itself as; absent: 1000. To the machine each sandbox is a user of its own, without rights. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** The whole environment; nothing is added but `PATH`, `HOME` and `PWD` where absent, and what `endpoint` says. */
  readonly env: Readonly<Record<string, string>>;
  readonly endpoint: Endpoint;
  readonly limits: SandboxLimits;
  /** What the program may connect to. Where the machine cannot check that, which is told at the start: nothing; `process` never checks. */
  readonly egress: Egress;
  /** How lines begin that say whose output follows; those that nothing follows need not be told. Absent: the program prints none. */
  readonly outputMark?: string | undefined;
  /** Hears what the program prints, in order per stream. Returning is taking: the driver never waits. */
  readonly output: (stream: "stdout" | "stderr", data: Buffer) => void;
}

/** How the platform reaches the program. */
export type Endpoint =
  /** The program connects to the platform's own socket at the path in `KILN_SOCKET` (set by the driver); once. */
  | { readonly via: "callback" }
  /**
   * The program makes a unix socket (or a link to one beside it) at `folder/name`. The folder exists, is empty and is the only
   * one it may write besides /tmp. A link that leaves the folder or anything but a socket is refused.
   */
  | { readonly via: "unix"; readonly folder: string; readonly name: string }
  /** The program listens on this TCP port of its own loopback; `connect` tries until it answers, and gives so many at a time (default: 1). */
  | { readonly via: "tcp"; readonly port: number; readonly connections?: number | undefined }
  /**
   * The program connects to a TCP port of its own loopback, as often as it likes, and finds it as HOST:PORT in this variable. Nobody but the
   * sandbox gets there. `connect` gives these connections, one after the other.
   */
  | { readonly via: "loopback"; readonly variable: string }
  /**
   * STDIN and STDOUT are the connection (STDOUT is then no output); ending it ends STDIN. It ends after the program did, and fails
   * with `StdioExitError` (`lib/exit-error.ts`) unless the program's status was 0.
   */
  | { readonly via: "stdio" };

export interface SandboxLimits {
  readonly memoryMiB: number;
  /** What it gets of the processors when they are short, against other sandboxes; by its memory (`cpuWeightOf`) if not given. */
  readonly cpuWeight?: number | undefined;
  /** The numbers of the processors that it runs on, of which it sees as many and no others; all of the machine's if not given. */
  readonly cores?: readonly number[] | undefined;
  readonly processesMax: number;
  readonly openFilesMax: number;
  readonly tmpMiB: number;
  readonly tmpFilesMax: number;
}

/** One isolated process tree. */
export interface Sandbox {
  readonly id: string;
  /** It was there before it was asked for, but for its program. */
  readonly finished?: boolean;
  /**
   * A connection to the program, as `endpoint` says; waits until it is there. Rejects with `function_protocol` when what is
   * there may not be used (a foreign link, no socket), with the signal's reason when aborted, and with
   * `function_start_failed` when the program ends first. `callback` and `stdio` give their one connection once.
   */
  connect(signal: AbortSignal): Promise<Duplex>;
  /**
   * Freezes every process inside; a driver that cannot has no such method. It and `resume` take effect in the order of the calls, and
   * what is written to a frozen program waits for it, so nobody has to wait for `resume` to speak.
   */
  pause?(): Promise<void>;
  resume?(): Promise<void>;
  /** What the tree holds now, without file pages that the kernel can drop; null where it cannot be told, and after the end. */
  memoryBytes?(): Promise<number | null>;
  /** Changes its `cpuWeight`, soon and once the program is there; a driver that cannot has no such method. */
  weigh?(cpuWeight: number): Promise<void>;
  /** Changes its `cores` for as many others, soon and once the program is there; a driver that cannot has no such method. */
  move?(cores: readonly number[]): Promise<void>;
  /**
   * Changes what it may connect to from `internet` to this list: once, before anything of its owner runs in it. Rejects with `internal`; it is to be
   * stopped then. A driver that cannot has no such method.
   */
  restrict?(egress: readonly string[]): Promise<void>;
  /** Kills the tree at once, waits until it is gone and what it used is freed. Any number of times. */
  stop(): Promise<SandboxExit>;
  /** Resolves when the program ended, by itself or not; never rejects. By then all its output was delivered. */
  readonly exited: Promise<SandboxExit>;
}

/** How a program ended. */
export interface SandboxExit {
  /** Exit status; null when a signal ended it. */
  readonly code: number | null;
  /** Such as SIGKILL; null when it exited by itself. */
  readonly signal: string | null;
  /** The kernel ended something inside because the memory limit was reached. */
  readonly outOfMemory: boolean;
}

/** Heaviest of the weights that sandboxes have, which begin at 1. */
export const cpuWeightMax = 10_000;

/** The weight of a sandbox for which nobody chose one: 100 for one of 128 MiB. */
export function cpuWeightOf(memoryMiB: number): number {
  return Math.min(cpuWeightMax, (memoryMiB * 100) / 128);
}

/** A sandbox runs on one processor, and on another one for each further so many MiB of memory, the last of which may be begun. */
const memoryMiBPerCore = 1792;

/** On how many processors a sandbox of this size runs, on a machine that has as many. */
export function coresOf(memoryMiB: number): number {
  return Math.max(1, Math.ceil(memoryMiB / memoryMiBPerCore));
}

/** Where a sandbox's folders appear to the code inside. */
export const functionFolder = "/function";
export const runtimeFolder = "/runtime";
export const layersFolder = "/opt";
