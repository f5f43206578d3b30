import type { StemCellRule } from "../config/stem-cells.ts";
import type { ProxyWay } from "../lib/dial.ts";

/** The agent's slice of the configuration. */
export interface AgentConfig {
  /** Memory that all sandboxes together may be promised. Default: 75 % of the machine's. */
  readonly memoryMiB: number;
  /** How long a sandbox is idle before it is frozen, in ms; 0: never. (Default: 100; docs/decisions/0007-life-of-a-sandbox.md) */
  readonly freezeAfterMs: number;
  /** Calls of one function that may wait for a sandbox. (Default: 1000) */
  readonly functionWaitingMax: number;
  /** The same of all functions of a namespace. (Default: 2000) */
  readonly namespaceWaitingMax: number;
  /** Sandboxes that are being started at the same time, over all functions. Default: twice the processors. */
  readonly startsMax: number;
  /** How long a sandbox may take to be ready, in ms. (Default: 10000; Fn's 5000 is too short for real imports, facts fn.md 14) */
  readonly startTimeoutMs: number;
  /** On which processors a sandbox runs: as many as its memory gives, or any. (Default: memory; docs/decisions/0020-processors.md) */
  readonly cores: "memory" | "all";
  /** Processes and threads in one sandbox. (Default: 128) */
  readonly processesMax: number;
  /** Open files of one process in a sandbox. (Default: 1024) */
  readonly openFilesMax: number;
  /** Size of a sandbox's /tmp, which counts to its memory too. (Default: 64) */
  readonly tmpMiB: number;
  /** Files and folders in it. (Default: 10000) */
  readonly tmpFilesMax: number;
  /** Sandboxes of a kind that wait for their code. (Default: none) */
  readonly stemCells: readonly StemCellRule[];
  /** Of functions' packages. */
  readonly installs: InstallConfig;
}

/** What installing packages may take, and how registries are reached. */
export interface InstallConfig extends ProxyWay {
  /** Of one sandbox, its files included. (Default: 1536) */
  readonly memoryMiB: number;
  /** For one function's packages, in ms. (Default: 300000) */
  readonly timeoutMs: number;
}

export const agentDefaults = {
  freezeAfterMs: 100,
  functionWaitingMax: 1000,
  namespaceWaitingMax: 2000,
  startTimeoutMs: 10_000,
  cores: "memory",
  processesMax: 128,
  openFilesMax: 1024,
  tmpMiB: 64,
  tmpFilesMax: 10_000,
  stemCells: [],
  installs: { memoryMiB: 1536, timeoutMs: 300_000, proxy: "", direct: [] },
} as const;
