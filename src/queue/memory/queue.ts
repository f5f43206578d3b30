/** The queue in memory: for tests, and for a server that may forget. */
import type { World } from "../../lib/world.ts";
import { ClockSteps } from "../clock-steps.ts";
import { noDeadLetter, noMessage, withFailure } from "../failures.ts";
import { Lanes } from "../lanes.ts";
import { Leases } from "../leases.ts";
import {
  type DeadLetter,
  type DeadLetterLimits,
  type DeadLetters,
  type Delivery,
  type Failure,
  inlineBytesMax,
  type Lane,
  type NewMessage,
  type Outcome,
  type Queue,
  type QueueStats,
  type Receipt,
  type Waiting,
  type WaitingPage,
} from "../queue.ts";

interface Kept {
  readonly message: NewMessage;
  readonly sentAt: number;
  leased: boolean;
  suspect: boolean;
  cancelled: boolean;
  dueAt: number;
  expiresAt: number;
  lease: number;
  attempt: number;
  failures: readonly Failure[];
}

interface Dead extends DeadLetter {
  readonly seq: number;
  readonly message: NewMessage;
}

/** An empty queue. */
export function memoryQueue(world: World): Queue {
  return new MemoryQueue(world);
}

class MemoryQueue implements Queue {
  readonly #world: World;
  readonly #lanes = new Lanes();
  readonly #leases: Leases;
  readonly #steps: ClockSteps;
  /** In the order of sending. */
  readonly #messages = new Map<string, Kept>();
  readonly #dead = new Map<string, Dead>();
  #lastSeq = 0;
  #wake: () => void = () => {};

  constructor(world: World) {
    this.#world = world;
    this.#leases = new Leases(world);
    this.#steps = new ClockSteps(world);
  }

  async send(messages: readonly NewMessage[]): Promise<void> {
    for (const message of messages) this.#add(message);
    this.#wake();
  }

  async hold(message: NewMessage, leaseMs: number): Promise<Receipt> {
    const kept = this.#keep(message);
    this.#lease(kept, laneOf(kept), leaseMs);
    return { id: message.id, lease: kept.lease };
  }

  onSent(wake: () => void): void {
    this.#wake = wake;
  }

  async lanes(): Promise<{ readonly due: readonly Lane[]; readonly nextMs: number | null }> {
    this.#followClock();
    this.#endLeases();
    const now = this.#world.now();
    return { due: this.#lanes.due(now), nextMs: this.#lanes.nextMs(now) };
  }

  waitingCount(namespace: string): number {
    return this.#lanes.readyOf(namespace);
  }

  async receive(lane: Lane, limit: number, leaseMs: number): Promise<readonly Delivery[]> {
    this.#followClock();
    const now = this.#world.now();
    const version = this.#lanes.versionOf(lane);
    const waiting = [...this.#messages.values()].filter((kept) => isIn(kept, lane));
    const due = waiting.filter(({ dueAt }) => dueAt <= now).toSorted((a, b) => a.dueAt - b.dueAt);
    const taken = due.slice(0, limit);
    for (const kept of taken) this.#lease(kept, lane, leaseMs);
    const nextDueAt = waiting.filter(({ leased }) => !leased).reduce((least, { dueAt }) => Math.min(least, dueAt), Infinity);
    this.#lanes.took(lane, taken.length, nextDueAt, version);
    return taken.map((kept) => toDelivery(kept, lane, now));
  }

  async body(namespace: string, id: string): Promise<Uint8Array> {
    const message = this.#messages.get(id)?.message ?? this.#dead.get(id)?.message;
    if (message?.namespace !== namespace) throw noMessage(id);
    return message.body;
  }

  async extend(receipts: readonly Receipt[], leaseMs: number): Promise<void> {
    this.#leases.extend(receipts, leaseMs);
  }

  async settle(outcomes: readonly Outcome[]): Promise<readonly string[]> {
    return outcomes.filter((outcome) => !this.#settle(outcome)).map(({ receipt }) => receipt.id);
  }

  async cancel(namespace: string, id: string): Promise<boolean> {
    const kept = this.#messages.get(id);
    if (kept?.message.namespace !== namespace) return false;
    kept.cancelled = true;
    if (!kept.leased) {
      kept.dueAt = 0;
      this.#lanes.add(laneOf(kept), 0, 0);
    }
    this.#wake();
    return true;
  }

  async find(namespace: string, id: string): Promise<Waiting | undefined> {
    const kept = this.#messages.get(id);
    return kept?.message.namespace === namespace ? toWaiting(kept) : undefined;
  }

  async listWaiting(namespace: string, lane: string, { before, limit }: WaitingPage): Promise<readonly Waiting[]> {
    return [...this.#messages.values()]
      .filter(({ message }) => message.namespace === namespace && message.lane === lane)
      .filter(({ message }) => before === undefined || message.id < before)
      .toSorted((one, other) => (one.message.id < other.message.id ? 1 : -1))
      .slice(0, limit)
      .map(toWaiting);
  }

  async listDead(
    namespace: string,
    lane: string | undefined,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<DeadLetters> {
    const before = page.after === undefined ? Infinity : Number(page.after);
    const found = [...this.#dead.values()]
      .filter((dead) => dead.namespace === namespace && (lane === undefined || dead.lane === lane) && dead.seq < before)
      .toReversed();
    const items = found.slice(0, page.limit);
    return { items: items.map(toDeadLetter), next: found.length > page.limit ? String(items.at(-1)?.seq) : null };
  }

  async findDead(namespace: string, id: string): Promise<DeadLetter | undefined> {
    const dead = this.#dead.get(id);
    return dead?.namespace === namespace ? toDeadLetter(dead) : undefined;
  }

  async redrive(namespace: string, id: string, renewed: { readonly id: string; readonly head: string }): Promise<void> {
    const dead = this.#dead.get(id);
    if (dead?.namespace !== namespace) throw noDeadLetter(id);
    this.#dead.delete(id);
    this.#add({ ...dead.message, ...renewed, delayMs: 0 });
    this.#wake();
  }

  async removeDead(namespace: string, id: string): Promise<void> {
    if (this.#dead.get(id)?.namespace !== namespace) throw noDeadLetter(id);
    this.#dead.delete(id);
  }

  async pruneDead({ since, countMax }: DeadLetterLimits): Promise<number> {
    const kept = new Map<string, number>();
    let removed = 0;
    for (const { id, namespace, diedAt } of [...this.#dead.values()].toReversed()) {
      const count = (kept.get(namespace) ?? 0) + 1;
      kept.set(namespace, count);
      if (diedAt >= since && count <= countMax) continue;
      this.#dead.delete(id);
      removed++;
    }
    return removed;
  }

  async stats(): Promise<QueueStats> {
    const [oldest] = this.#messages.values();
    return {
      ready: this.#lanes.ready,
      leased: this.#leases.size,
      deadLetters: this.#dead.size,
      oldestMs: oldest === undefined ? 0 : Math.max(0, this.#world.now() - oldest.sentAt),
    };
  }

  #add(message: NewMessage): void {
    const kept = this.#keep(message);
    this.#lanes.add(laneOf(kept), 1, kept.dueAt);
  }

  #keep(message: NewMessage): Kept {
    const now = this.#world.now();
    const state = { leased: false, suspect: false, cancelled: false, lease: 0, attempt: 0, failures: [] };
    const kept = { message, sentAt: now, dueAt: now + message.delayMs, expiresAt: now + message.ageMsMax, ...state };
    this.#messages.set(message.id, kept);
    return kept;
  }

  #lease(kept: Kept, lane: Lane, leaseMs: number): void {
    kept.leased = true;
    kept.lease++;
    kept.attempt++;
    this.#leases.give(kept.message.id, { lane, number: kept.lease, large: false, failures: kept.failures }, leaseMs);
  }

  /** False when the receipt is old. */
  #settle(outcome: Outcome): boolean {
    const { id } = outcome.receipt;
    const kept = this.#messages.get(id);
    if (this.#leases.valid(outcome.receipt) === undefined || kept === undefined) return false;
    this.#leases.end(id);
    if (outcome.type === "retry") this.#putBack(kept, outcome);
    else {
      this.#messages.delete(id);
      if (outcome.type === "bury") this.#bury(kept, outcome.failure);
      for (const message of outcome.send) this.#add(message);
    }
    this.#wake();
    return true;
  }

  #putBack(kept: Kept, { afterMs, counted, failure }: Extract<Outcome, { type: "retry" }>): void {
    kept.leased = false;
    kept.suspect = false;
    kept.dueAt = this.#world.now() + afterMs;
    if (!counted) kept.attempt--;
    kept.failures = withFailure(kept.failures, failure);
    this.#lanes.add(laneOf(kept), 1, kept.dueAt);
  }

  #bury({ message, attempt, sentAt, failures }: Kept, failure: Failure | null): void {
    const { id, namespace, lane, head, body } = message;
    const rest = { attempt, sentAt, diedAt: this.#world.now(), failures: withFailure(failures, failure) };
    this.#dead.set(id, { seq: ++this.#lastSeq, message, id, namespace, lane, head, bodyBytes: body.length, ...rest });
  }

  #followClock(): void {
    const { ms } = this.#steps;
    if (ms === 0) return;
    this.#steps.follow(ms);
    for (const kept of this.#messages.values()) {
      kept.dueAt += ms;
      kept.expiresAt += ms;
    }
    this.#lanes.shift(ms);
  }

  #endLeases(): void {
    for (const { id } of this.#leases.ranOut()) {
      const kept = this.#messages.get(id);
      this.#leases.end(id);
      if (kept === undefined) continue;
      kept.leased = false;
      kept.suspect = true;
      kept.dueAt = this.#world.now();
      this.#lanes.add(laneOf(kept), 1, kept.dueAt);
    }
  }
}

function isIn(kept: Kept, lane: Lane): boolean {
  const { message, leased, suspect } = kept;
  return !leased && suspect === lane.suspect && message.lane === lane.name && message.namespace === lane.namespace;
}

function laneOf({ message, suspect }: Kept): Lane {
  return { namespace: message.namespace, name: message.lane, suspect };
}

function toWaiting({ message, leased, attempt, sentAt, dueAt, cancelled }: Kept): Waiting {
  const { id, namespace, lane, head } = message;
  return { id, namespace, lane, head, leased, attempt, sentAt, dueAt, cancelled };
}

function toDelivery({ message, ...kept }: Kept, lane: Lane, now: number): Delivery {
  const { id, head, body } = message;
  return {
    receipt: { id, lease: kept.lease },
    id,
    lane,
    head,
    body: body.length > inlineBytesMax ? null : body,
    bodyBytes: body.length,
    attempt: kept.attempt,
    sentAt: kept.sentAt,
    expired: kept.expiresAt < now,
    cancelled: kept.cancelled,
    damaged: false,
    failures: kept.failures,
  };
}

function toDeadLetter({ seq: _seq, message: _message, ...letter }: Dead): DeadLetter {
  return letter;
}
