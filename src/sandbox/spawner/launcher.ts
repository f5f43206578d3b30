/** What the spawner process needs of a technology: start a program, kill it for good, and free what it used. */
import type { ChildProcess } from "node:child_process";
import type { JoinedNetwork } from "../egress/egress.ts";
import type { PipeSet } from "./pipes.ts";
import type { ExpectRequest, JoinRequest, RestrictRequest, SpawnedReply, SpawnRequest } from "./messages.ts";

/** Starts sandboxes of one technology inside the spawner process. */
export interface Launcher {
  /** Starts one. Rejects when the technology fails; nothing is left of it then. */
  start(request: SpawnRequest): Promise<Launched>;
  /** Makes some ready that are like this one; absent where there is nothing to make ready. */
  expect?(expected: ExpectRequest): void;
  /** Gives a container of somebody else's a network. Null: there are none; absent where there never are. Rejects with `internal`. */
  join?(request: JoinRequest): Promise<JoinedNetwork | null>;
  /** Frees what was prepared ahead and what all sandboxes share. They have been freed before. */
  close(): Promise<void>;
}

/** A started program. */
export interface Launched {
  readonly child: ChildProcess;
  readonly pipes: PipeSet;
  readonly reply: SpawnedReply;
  /** Absent where it connects to nothing anyway, or to everything. Rejects with `internal`. */
  restrict?(request: RestrictRequest): Promise<void>;
  /** Kills every process of the sandbox, frozen or not. May be called at any time, also after the end. */
  kill(): void;
  /** True when the kernel ended something inside for want of memory. Asked once, after the child's exit and before `free`. */
  outOfMemory(): boolean;
  /** Waits until the last process is gone and gives everything back. Called once, after the child's exit. */
  free(): Promise<void>;
}
