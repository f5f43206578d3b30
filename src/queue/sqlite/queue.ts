/** The queue on SQLite. The database is handed in, and closed by who opened it: rooms share one file and its commits. */
import { crc32 } from "node:zlib";
import type { World } from "../../lib/world.ts";
import type { Database, Row } from "../../sql/sql.ts";
import { ClockSteps } from "../clock-steps.ts";
import { damagedBody, noDeadLetter, noMessage } from "../failures.ts";
import { Lanes } from "../lanes.ts";
import { Leases } from "../leases.ts";
import type {
  DeadLetter,
  DeadLetterLimits,
  DeadLetters,
  Delivery,
  Lane,
  NewMessage,
  Outcome,
  Queue,
  QueueStats,
  Receipt,
  Waiting,
  WaitingPage,
} from "../queue.ts";
import * as sql from "./queries.ts";
import { SendBatches } from "./send-batches.ts";
import { settlement } from "./settlement.ts";

/** Dead letters that go in one transaction: others wait for it. */
const pruneRowsMax = 500;

/**
 * Opens the queue of a database that has `queueSchema`, which no other process has open. What was on lease belonged to a process
 * that is gone: it is due at once, and suspect.
 */
export async function sqliteQueue(database: Database, world: World): Promise<Queue> {
  await database.write([{ sql: sql.releaseAll }]);
  const lanes = new Lanes();
  for (const row of await database.read(sql.selectLanes)) lanes.add(toLane(row), Number(row.ready), Number(row.due_at));
  return new SqliteQueue(database, world, lanes);
}

class SqliteQueue implements Queue {
  readonly #database: Database;
  readonly #world: World;
  readonly #lanes: Lanes;
  readonly #leases: Leases;
  readonly #steps: ClockSteps;
  readonly #batches: SendBatches;
  #wake: () => void = () => {};

  constructor(database: Database, world: World, lanes: Lanes) {
    this.#database = database;
    this.#world = world;
    this.#lanes = lanes;
    this.#leases = new Leases(world);
    this.#steps = new ClockSteps(world);
    this.#batches = new SendBatches((messages) => this.#insert(messages));
  }

  send(messages: readonly NewMessage[]): Promise<void> {
    return this.#batches.add(messages);
  }

  async hold(message: NewMessage, leaseMs: number): Promise<Receipt> {
    await this.#database.write(sql.insertMessages([message], this.#world.now(), "held"));
    const { id, namespace, lane, body } = message;
    const held = { lane: { namespace, name: lane, suspect: false }, number: 1, large: sql.isLarge(body), failures: [] };
    this.#leases.give(id, held, leaseMs);
    return { id, lease: 1 };
  }

  onSent(wake: () => void): void {
    this.#wake = wake;
  }

  async lanes(): Promise<{ readonly due: readonly Lane[]; readonly nextMs: number | null }> {
    await this.#followClock();
    await this.#endLeases();
    const now = this.#world.now();
    return { due: this.#lanes.due(now), nextMs: this.#lanes.nextMs(now) };
  }

  waitingCount(namespace: string): number {
    return this.#lanes.readyOf(namespace);
  }

  async receive(lane: Lane, limit: number, leaseMs: number): Promise<readonly Delivery[]> {
    await this.#followClock();
    const version = this.#lanes.versionOf(lane);
    const now = this.#world.now();
    const key = [lane.namespace, lane.name, lane.suspect ? 1 : 0];
    const answer = await this.#database.writeReturning([
      { sql: sql.takeDue, params: [...key, now, limit] },
      { sql: sql.selectNextDue, params: key },
    ]);
    const next = answer.at(-1)?.next_due ?? null;
    const rows = answer.slice(0, -1).toSorted((a, b) => Number(a.due_at) - Number(b.due_at) || Number(a.seq) - Number(b.seq));
    this.#lanes.took(lane, rows.length, next === null ? Number.POSITIVE_INFINITY : Number(next), version);
    const deliveries = rows.map((row) => sql.toDelivery(row, lane, now));
    for (const { id, receipt, body, failures } of deliveries)
      this.#leases.give(id, { lane, number: receipt.lease, large: body === null, failures }, leaseMs);
    return deliveries;
  }

  async body(namespace: string, id: string): Promise<Uint8Array> {
    const [row] = await this.#database.read(sql.selectBody, [namespace, id, namespace, id]);
    if (row === undefined) throw noMessage(id);
    if (!(row.body instanceof Uint8Array) || crc32(row.body) !== row.checksum) throw damagedBody(id);
    return row.body;
  }

  async extend(receipts: readonly Receipt[], leaseMs: number): Promise<void> {
    this.#leases.extend(receipts, leaseMs);
  }

  async settle(outcomes: readonly Outcome[]): Promise<readonly string[]> {
    const valid = outcomes.filter(({ receipt }) => this.#leases.valid(receipt) !== undefined);
    const stale = outcomes.filter((outcome) => !valid.includes(outcome)).map(({ receipt }) => receipt.id);
    if (valid.length === 0) return stale;
    const now = this.#world.now();
    const { statements, sent } = settlement(valid, this.#leases, now);
    await this.#database.write(statements);
    for (const outcome of valid) this.#settled(outcome, now);
    this.#added(sent, now);
    return stale;
  }

  async cancel(namespace: string, id: string): Promise<boolean> {
    const [row] = await this.#database.writeReturning([{ sql: sql.markCancelled, params: [namespace, id] }]);
    if (row === undefined) return false;
    if (row.leased === 0) this.#lanes.add(toLane({ ...row, namespace }), 0, 0);
    this.#wake();
    return true;
  }

  async find(namespace: string, id: string): Promise<Waiting | undefined> {
    const [row] = await this.#database.read(sql.selectWaiting, [namespace, id]);
    return row === undefined ? undefined : sql.toWaiting(row);
  }

  async listWaiting(namespace: string, lane: string, { before, limit }: WaitingPage): Promise<readonly Waiting[]> {
    const rows = await this.#database.read(sql.selectWaitingPage, [namespace, lane, before ?? sql.endOfIds, limit]);
    return rows.map(sql.toWaiting);
  }

  async listDead(
    namespace: string,
    lane: string | undefined,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<DeadLetters> {
    const params = [namespace, ...(lane === undefined ? [] : [lane]), ...(page.after === undefined ? [] : [Number(page.after)])];
    const rows = await this.#database.read(sql.selectDeadPage(lane, page.after), [...params, page.limit + 1]);
    const items = rows.slice(0, page.limit);
    return { items: items.map(sql.toDead), next: rows.length > page.limit ? String(items.at(-1)?.seq) : null };
  }

  async findDead(namespace: string, id: string): Promise<DeadLetter | undefined> {
    const [row] = await this.#database.read(sql.selectDead, [namespace, id]);
    return row === undefined ? undefined : sql.toDead(row);
  }

  async redrive(namespace: string, id: string, renewed: { readonly id: string; readonly head: string }): Promise<void> {
    const now = this.#world.now();
    const { code, message, details } = noDeadLetter(id);
    const params = [renewed.id, now, now, now, renewed.head, namespace, id];
    const [row] = await this.#database.writeReturning([
      { sql: sql.insertRedriven, params, oneRowElse: { code, message, details } },
      { sql: sql.renameBody, params: [renewed.id, id] },
      { sql: sql.deleteDead, params: [namespace, id] },
    ]);
    this.#lanes.add(toLane({ namespace, lane: row?.lane ?? "", suspect: 0 }), 1, now);
    this.#wake();
  }

  async removeDead(namespace: string, id: string): Promise<void> {
    const { code, message, details } = noDeadLetter(id);
    await this.#database.write([
      { sql: sql.deleteDead, params: [namespace, id], oneRowElse: { code, message, details } },
      { sql: sql.deleteBody, params: [id] },
    ]);
  }

  async pruneDead(keep: DeadLetterLimits): Promise<number> {
    const rows = await this.#deadToRemove(keep);
    if (rows.length > 0) await this.#database.write(sql.deleteDeadLetters(rows));
    return rows.length;
  }

  async stats(): Promise<QueueStats> {
    const [row] = await this.#database.read(sql.selectStats);
    const oldest = row?.oldest ?? null;
    return {
      ready: Math.max(0, this.#lanes.ready),
      leased: this.#leases.size,
      deadLetters: Number(row?.dead ?? 0),
      oldestMs: oldest === null ? 0 : Math.max(0, this.#world.now() - Number(oldest)),
    };
  }

  async #deadToRemove({ since, countMax }: DeadLetterLimits): Promise<readonly Row[]> {
    const oldest = await this.#database.read(sql.selectOldDead, [pruneRowsMax]);
    const old = oldest.filter(({ died_at: diedAt }) => Number(diedAt) < since);
    if (old.length > 0) return old;
    const [crowded] = await this.#database.read(sql.selectCrowded, [countMax]);
    if (crowded === undefined) return [];
    const limit = Math.min(pruneRowsMax, Number(crowded.count) - countMax);
    return await this.#database.read(sql.selectOldestDeadOf, [crowded.namespace ?? null, limit]);
  }

  async #insert(messages: readonly NewMessage[]): Promise<void> {
    const now = this.#world.now();
    await this.#database.write(sql.insertMessages(messages, now));
    this.#added(messages, now);
  }

  #added(messages: readonly NewMessage[], now: number): void {
    for (const { namespace, lane, delayMs } of messages)
      this.#lanes.add({ namespace, name: lane, suspect: false }, 1, now + delayMs);
    if (messages.length > 0) this.#wake();
  }

  #settled(outcome: Outcome, now: number): void {
    const { id } = outcome.receipt;
    const lease = this.#leases.valid(outcome.receipt);
    this.#leases.end(id);
    if (outcome.type !== "retry" || lease === undefined) return;
    this.#lanes.add({ ...lease.lane, suspect: false }, 1, now + outcome.afterMs);
    this.#wake();
  }

  /** Times that are on the disk follow a clock that was set: what was to come in a minute still comes in a minute. */
  async #followClock(): Promise<void> {
    const { ms } = this.#steps;
    if (ms === 0) return;
    this.#steps.follow(ms);
    try {
      await this.#database.write([{ sql: sql.shiftTimes, params: [ms, ms] }]);
      this.#lanes.shift(ms);
    } catch (error) {
      this.#steps.follow(-ms);
      throw error;
    }
  }

  /** Leases run out only when a receiver has forgotten a message. */
  async #endLeases(): Promise<void> {
    const ended = this.#leases.ranOut();
    if (ended.length === 0) return;
    const now = this.#world.now();
    await this.#database.write([{ sql: sql.markSuspect, columns: [ended.map(() => now), ended.map(({ id }) => id)] }]);
    for (const { id, lease } of ended) {
      this.#leases.end(id);
      this.#lanes.add({ ...lease.lane, suspect: true }, 1, now);
    }
  }
}

function toLane(row: Row): Lane {
  return { namespace: String(row.namespace), name: String(row.lane), suspect: row.suspect === 1 };
}
