/**
 * Decides *where* a call runs.
 *
 * Promises: `place` is a pure function of the function and a snapshot of the agents: same input, same answer, no I/O, no clock.
 * Deliberately absent: how an agent finds a sandbox (agent/), and how a call gets there (agent/link.ts).
 */
import type { Fn } from "../model/model.ts";

/** What is known of an agent at the moment. */
export interface AgentSnapshot {
  readonly id: string;
  /** Memory it may promise to sandboxes. */
  readonly memoryMiB: number;
  /** False while it drains or does not answer. */
  readonly accepting: boolean;
}

/** An agent's id, or why there is none. */
export type Decision = { readonly agentId: string } | { readonly refused: "no_agent" | "too_big"; readonly memoryMiBMax: number };

/** A policy; siblings differ only in how they choose among the agents that can. `extensions`: what a call overrider said of the call. */
export type Placement = (
  fn: Fn,
  agents: readonly AgentSnapshot[],
  extensions?: Readonly<Record<string, string>> | undefined,
) => Decision;
