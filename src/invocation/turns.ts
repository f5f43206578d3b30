import type { Lane } from "../queue/queue.ts";

interface Served {
  running: number;
  /** Rises with each turn; 0: never. */
  lastTurn: number;
}

/**
 * Whose turn it is. The namespace with the fewest running calls goes first, within it the function with the fewest; among equals
 * the one that was served longest ago. So nobody's backlog holds up another's.
 */
export class Turns {
  readonly #namespaces = new Map<string, Served>();
  readonly #functions = new Map<string, Served>();
  #turn = 0;
  #suspects = 0;

  /** The next lane among these, and how many of it at most; undefined when none may run now. */
  next(lanes: readonly Lane[], callsMaxOf: (lane: Lane) => number, free: number): { lane: Lane; limit: number } | undefined {
    const open = lanes.filter((lane) => this.#room(lane, callsMaxOf(lane)) > 0).toSorted((a, b) => this.#compare(a, b));
    const [lane] = open;
    if (lane === undefined) return undefined;
    const share = Math.ceil(free / open.length);
    return { lane, limit: lane.suspect ? 1 : Math.min(share, this.#room(lane, callsMaxOf(lane))) };
  }

  began(lane: Lane): void {
    this.#turn++;
    for (const served of this.#of(lane)) {
      served.running++;
      served.lastTurn = this.#turn;
    }
    if (lane.suspect) this.#suspects++;
  }

  ended(lane: Lane): void {
    for (const served of this.#of(lane)) served.running--;
    if (lane.suspect) this.#suspects--;
    forgetIdle(this.#namespaces);
    forgetIdle(this.#functions);
  }

  /** Suspects run one at a time: if one of them kills the server again, the others are not counted as tried. */
  #room(lane: Lane, callsMax: number): number {
    if (lane.suspect && this.#suspects > 0) return 0;
    return callsMax - (this.#functions.get(functionKey(lane))?.running ?? 0);
  }

  #compare(a: Lane, b: Lane): number {
    return (
      compare(this.#namespaces.get(a.namespace), this.#namespaces.get(b.namespace)) ||
      compare(this.#functions.get(functionKey(a)), this.#functions.get(functionKey(b))) ||
      Number(b.suspect) - Number(a.suspect)
    );
  }

  #of(lane: Lane): Served[] {
    return [entryOf(this.#namespaces, lane.namespace), entryOf(this.#functions, functionKey(lane))];
  }
}

/** Entries without a running call that are kept, so that turns go round. */
const idleMax = 1000;

function forgetIdle(entries: Map<string, Served>): void {
  if (entries.size <= idleMax) return;
  for (const [key, { running }] of entries) if (running === 0) entries.delete(key);
}

function compare(a: Served | undefined, b: Served | undefined): number {
  return (a?.running ?? 0) - (b?.running ?? 0) || (a?.lastTurn ?? 0) - (b?.lastTurn ?? 0);
}

function functionKey({ namespace, name }: Lane): string {
  return `${namespace}\n${name}`;
}

function entryOf(entries: Map<string, Served>, key: string): Served {
  const known = entries.get(key);
  if (known !== undefined) return known;
  const made = { running: 0, lastTurn: 0 };
  entries.set(key, made);
  return made;
}
