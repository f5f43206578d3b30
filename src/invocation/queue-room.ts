import { PlatformError } from "../model/error.ts";
import type { Queue } from "../queue/queue.ts";

/**
 * Bounds the asynchronous calls of each namespace that wait, those that are being accepted included. Only who wants to add one from
 * outside asks: what was accepted once, its attempts and its destinations never do, so there may be more than the bound.
 */
export class QueueRoom {
  readonly #queue: Pick<Queue, "waitingCount">;
  readonly #max: number;
  readonly #entering = new Map<string, number>();
  /** By namespace. Making an error with its stack costs half of a refusal, and under a flood all are the same. */
  readonly #refusals = new Map<string, PlatformError>();

  constructor(queue: Pick<Queue, "waitingCount">, max: number) {
    this.#queue = queue;
    this.#max = max;
  }

  /** Throws `throttled` where the namespace is full. Each one in needs one `leave`, once it is in the queue or is not going to be. */
  enter(namespace: string): void {
    const entering = this.#entering.get(namespace) ?? 0;
    if (this.#queue.waitingCount(namespace) + entering >= this.#max) throw this.#refusal(namespace);
    this.#entering.set(namespace, entering + 1);
    if (this.#refusals.size > 0) this.#refusals.delete(namespace);
  }

  leave(namespace: string): void {
    const entering = (this.#entering.get(namespace) ?? 1) - 1;
    if (entering === 0) this.#entering.delete(namespace);
    else this.#entering.set(namespace, entering);
  }

  #refusal(namespace: string): PlatformError {
    const known = this.#refusals.get(namespace) ?? queueFull(namespace, this.#max);
    this.#refusals.set(namespace, known);
    return known;
  }
}

function queueFull(namespace: string, max: number): PlatformError {
  return new PlatformError(
    "throttled",
    `Too many requests: ${max} asynchronous calls of namespace ${namespace} wait already; try again when some have run`,
    { details: { limit: "namespaceQueuedMax", max, retryAfterS: 1 } },
  );
}
