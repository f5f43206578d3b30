/** Which lanes hold what, in memory, so that an idle receiver asks nobody and a busy one only where something is due. */
import type { Lane } from "./queue.ts";

interface Entry {
  readonly lane: Lane;
  ready: number;
  /** Nothing of the lane is due before; milliseconds since the epoch. */
  dueAt: number;
  /** Another one whenever something is added: what was read before may be old. */
  version: number;
}

/** The lanes of one queue. Counts may be off for a moment while several changes are on their way to a disk, never for good. */
export class Lanes {
  readonly #entries = new Map<string, Entry>();
  readonly #readyOf = new Map<string, number>();
  #ready = 0;
  #lastVersion = 0;

  /** Messages that wait, in all lanes. */
  get ready(): number {
    return this.#ready;
  }

  /** Messages that wait in the lanes of a namespace. */
  readyOf(namespace: string): number {
    return Math.max(0, this.#readyOf.get(namespace) ?? 0);
  }

  add(lane: Lane, count: number, dueAt: number): void {
    const entry = this.#entryOf(lane);
    entry.ready += count;
    entry.dueAt = Math.min(entry.dueAt, dueAt);
    entry.version = ++this.#lastVersion;
    this.#count(lane, count);
    this.#forgetEmpty(entry);
  }

  /** The version to give to `took`. */
  versionOf(lane: Lane): number {
    return this.#entries.get(keyOf(lane))?.version ?? 0;
  }

  /** So many were taken. `dueAt`: when the next one is due, if all that was due has been taken; null: nobody looked. */
  took(lane: Lane, count: number, dueAt: number | null, version: number): void {
    const entry = this.#entries.get(keyOf(lane));
    this.#count(lane, -count);
    if (entry === undefined) return;
    entry.ready -= count;
    if (dueAt !== null && entry.version === version) entry.dueAt = dueAt;
    this.#forgetEmpty(entry);
  }

  due(now: number): Lane[] {
    return [...this.#entries.values()].filter(({ ready, dueAt }) => ready > 0 && dueAt <= now).map(({ lane }) => lane);
  }

  /** Milliseconds until something else is due; null when nothing waits. */
  nextMs(now: number): number | null {
    let next = Number.POSITIVE_INFINITY;
    for (const { ready, dueAt } of this.#entries.values()) if (ready > 0 && dueAt > now) next = Math.min(next, dueAt);
    return next === Number.POSITIVE_INFINITY ? null : next - now;
  }

  /** The clock was moved by so much. */
  shift(ms: number): void {
    for (const entry of this.#entries.values()) {
      entry.dueAt += ms;
      entry.version = ++this.#lastVersion;
    }
  }

  #count({ namespace }: Lane, difference: number): void {
    this.#ready += difference;
    const count = (this.#readyOf.get(namespace) ?? 0) + difference;
    if (count === 0) this.#readyOf.delete(namespace);
    else this.#readyOf.set(namespace, count);
  }

  #entryOf(lane: Lane): Entry {
    const key = keyOf(lane);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const made: Entry = { lane, ready: 0, dueAt: Number.POSITIVE_INFINITY, version: 0 };
    this.#entries.set(key, made);
    return made;
  }

  #forgetEmpty(entry: Entry): void {
    if (entry.ready === 0) this.#entries.delete(keyOf(entry.lane));
  }
}

function keyOf({ namespace, name, suspect }: Lane): string {
  return `${suspect ? "s" : "-"}${namespace}\n${name}`;
}
