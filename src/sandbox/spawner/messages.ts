/**
 * What the driver and its spawner process tell each other, over one socket in the frames of `wire/frames.ts`. The id of a
 * frame is the number of a sandbox (0: of the spawner itself).
 *
 * To the spawner: `spawn` (SpawnRequest), `expect` (ExpectRequest), of no sandbox; `stdin` (bytes; END closes it), `kill`, `credit`; `join` (JoinRequest),
 * answered by `joined` (JoinReply) and taken back by `kill`; `restrict` (RestrictRequest), answered by `restricted` (FailedReply; nothing: it is done).
 * From it: `ready`; `spawned` (SpawnedReply) or `failed` (FailedReply); `stdout`, `stderr` (bytes); `exited` (SandboxExit) once
 * all output has been sent; `notice` (Notice), of the spawner itself; `killed` (SandboxExit) once nothing of the sandbox is left, also when it ended by itself; `credit`.
 * A `credit` (u32) says how many bytes of STDIN or of a `stdio` connection's STDOUT were taken; nobody has more than
 * `windowBytes` under way, so a slow reader holds up its own sandbox only.
 */
import type { Egress } from "../../model/model.ts";
import type { EgressSettings, ForeignContainer, NetworkWay, PlatformAddress } from "../egress/egress.ts";
import type { SandboxSpec } from "../sandbox.ts";

/** The name of the socket of `callback` in the folder of a sandbox, outside and inside. */
export const callbackSocket = "s.sock";
/** The name of the socket of `tcp` in the sandbox's socket folder. */
export const bridgeSocket = "bridge";

/** On which the spawner has the socket for these frames. */
export const linkDescriptor = 3;

/**
 * The descriptor that the spawner of a technology which isolates, and whatever becomes one of its sandboxes, has the server's channel on: a socket that takes
 * descriptors as Node's own child processes send them (`bubblewrap/own-port.ts`). Whoever has it is believed, so no program of a function ever does.
 */
export const channelDescriptor = 4;

/** How far a sender of STDIN or of a `stdio` connection's STDOUT may be ahead of the taker. */
export const windowBytes = 256 * 1024;

/** What a spawner is started with, as JSON in its one argument. Nothing secret: other users of the machine can read it. */
export interface SpawnerSettings {
  readonly technology: "bubblewrap" | "process";
  /** Unique among the instances on this machine. */
  readonly instance: string;
  /** Names the control groups: the instance, and whose it is (`owner.ts`). */
  readonly groups: string;
  /** Made by the driver; removed with all it holds when the spawner ends. */
  readonly runFolder: string;
  /** Removed at the end too; null when there is none. */
  readonly stateFile: string | null;
  /** For the code of sandboxes that are finished before it is known whose they will be: on the disk of the code, removed at the end; null: there are none. */
  readonly placesFolder: string | null;
  /** Where programs of the host are looked up. */
  readonly path: string;
  /** For `bubblewrap`. */
  readonly isolation: Isolation | null;
  /** For `bubblewrap`; null: sandboxes have no network but loopback. */
  readonly egress: EgressSettings | null;
}

/** With what `bubblewrap` may protect on this machine (`bubblewrap/capabilities.ts`). */
export interface Isolation {
  /** True: own uid for each sandbox, and file systems mounted beforehand. Needs root. */
  readonly privileged: boolean;
  readonly cgroups: readonly CgroupTree[];
  readonly uidFirst: number;
  /** Sandboxes prepared ahead. */
  readonly spares: number;
  /** How sandboxes are given a network; null: they cannot be. */
  readonly network: NetworkWay | null;
}

/** One mounted hierarchy of control groups and what of it is ours to use. */
export interface CgroupTree {
  readonly version: 1 | 2;
  /** Folder of the hierarchy in which ours are made. */
  readonly base: string;
  readonly controllers: readonly CgroupController[];
}

export type CgroupController = "memory" | "pids" | "cpu" | "cpuset" | "freeze";

/** A `SandboxSpec` as it travels, and where its host side is. */
export interface SpawnRequest extends Omit<SandboxSpec, "output"> {
  /** Folder of this sandbox, made by the driver; the spawner removes it. Holds the socket of `callback`. */
  readonly folder: string;
  /** Where the platform's API listens, for those whose list names it; null while it does not. */
  readonly platform: PlatformAddress | null;
}

/** What the spawner tells of itself. */
export interface Notice {
  /** For an operator. */
  readonly warning?: { readonly sentence: string; readonly reason: string };
  /** Connections and packets of sandboxes refused so far. */
  readonly refusedCount?: number;
}

/** A container of somebody else's is to have a network. */
export interface JoinRequest extends ForeignContainer {
  readonly egress: Exclude<Egress, "none">;
  /** As of a SpawnRequest. */
  readonly platform: PlatformAddress | null;
}

/** A running sandbox is to connect to a list from now on, no longer to `internet`. */
export interface RestrictRequest {
  readonly egress: readonly string[];
  /** As of a SpawnRequest. */
  readonly platform: PlatformAddress | null;
}

/** `none`: there are no networks. */
export interface JoinReply {
  readonly outcome: "joined" | "none" | "failed";
  readonly message: string;
}

/** Of the request only what is the same for all of its kind counts. */
export interface ExpectRequest {
  readonly request: SpawnRequest;
  readonly count: number;
}

export interface SpawnedReply {
  readonly pid: number;
  /** All but its program was there before. */
  readonly finished: boolean;
  /** Host file that freezes the sandbox; null when it cannot be. */
  readonly freezeFile: string | null;
  /** Host files that tell the memory of the sandbox: the number of bytes, and what it is made of; null when nothing counts it. */
  readonly memoryFiles: MemoryFiles | null;
  /** Host file that says what the sandbox gets of the processors; null where nothing shares them out. */
  readonly cpuFile: CpuFile | null;
  /** Host file that says on which processors it runs; null where nothing keeps it there. */
  readonly coresFile: string | null;
  /** Host view of the folder where the program makes its socket (`unix`, `tcp`); null otherwise. */
  readonly socketFolder: string | null;
}

export interface MemoryFiles {
  readonly usage: string;
  readonly stat: string;
}

export interface CpuFile {
  /** Of the hierarchy: what is written into it differs. */
  readonly version: 1 | 2;
  readonly path: string;
}

export interface FailedReply {
  readonly message: string;
}
