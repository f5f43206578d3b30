import type { World } from "../lib/world.ts";
import { coresOf } from "../sandbox/sandbox.ts";
import type { Instance } from "./instance.ts";
import type { MachineCores } from "./machine-cores.ts";
import type { Pool } from "./pool.ts";

/** What is asked of a pool. */
type Member = Pick<Pool, "live">;

/** How often the processors are looked at while two sandboxes use the same one, and otherwise, in ms. */
const crowdedLookMs = 100;
const quietLookMs = 250;
/** One with less idle time than this is short, and one with more has room for another sandbox. */
const shortBelow = 0.1;
const roomFrom = 0.25;

/**
 * On which processors each sandbox runs: as many as its memory gives (`coresOf`), as far as the machine has more. A new one gets those
 * that the fewest sandboxes use, and when two meet on one that is busy while another is idle, one of them is moved there, which is
 * what the kernel would do if it were free to. No call pays for this: one timer looks, while two sandboxes live that can be moved.
 */
export class Cores {
  readonly #world: World;
  readonly #pools: () => Iterable<Member>;
  readonly #machine: MachineCores;
  #turn = 0;
  #looking = false;
  /** The last look found two sandboxes on one. */
  #wasCrowded = false;

  constructor(world: World, pools: () => Iterable<Member>, machine: MachineCores) {
    this.#world = world;
    this.#pools = pools;
    this.#machine = machine;
  }

  /** Those of a sandbox that is about to start; undefined: all. */
  ofNew(memoryMiB: number): readonly number[] | undefined {
    const { all } = this.#machine;
    const count = coresOf(memoryMiB);
    if (count >= all.length) return undefined;
    const users = this.#users();
    const usersOf = (core: number) => users.get(core)?.length ?? 0;
    // Among equals the next in turn: those that start at the same time are not in use yet.
    const from = this.#turn++ % all.length;
    const inTurn = [...all.slice(from), ...all.slice(0, from)];
    return inTurn.toSorted((one, other) => usersOf(one) - usersOf(other)).slice(0, count);
  }

  /** It runs from now on. */
  watch({ cores, sandbox }: Instance): void {
    if (cores !== null && sandbox.move !== undefined && !this.#looking) this.#lookIn(quietLookMs);
  }

  #lookIn(ms: number): void {
    this.#looking = true;
    this.#world.after(ms, () => this.#look());
  }

  #look(): void {
    this.#looking = false;
    if (!this.#hasTwo()) return;
    const crowds = [...this.#users()].filter(([, users]) => users.length > 1);
    const isCrowded = crowds.length > 0;
    const idle = isCrowded ? this.#machine.idleShares() : undefined;
    // What was idle is told since the last question, which has to be the last look.
    if (idle !== undefined && this.#wasCrowded) this.#relieve(crowds, idle);
    this.#wasCrowded = isCrowded;
    this.#lookIn(isCrowded ? crowdedLookMs : quietLookMs);
  }

  /** One sandbox a look, off the processor that has the least time left. */
  #relieve(crowds: readonly (readonly [core: number, users: readonly Instance[]])[], idle: ReadonlyMap<number, number>): void {
    const idleOf = (core: number) => idle.get(core) ?? shortBelow;
    const [crowd] = crowds.toSorted(([one], [other]) => idleOf(one) - idleOf(other));
    const [room] = this.#machine.all.toSorted((one, other) => idleOf(other) - idleOf(one));
    if (crowd === undefined || room === undefined || idleOf(crowd[0]) >= shortBelow || idleOf(room) < roomFrom) return;
    const [from, users] = crowd;
    // Who has run for longest is likeliest to need a processor rather than to wait for something.
    const [moved] = users.filter(({ cores }) => !cores?.includes(room)).toSorted((one, other) => one.idleSince - other.idleSince);
    moved?.moveTo((moved.cores ?? []).map((core) => (core === from ? room : core)));
  }

  /** Sandboxes that run a call and have a place, by processor. */
  #users(): Map<number, Instance[]> {
    const users = new Map<number, Instance[]>();
    for (const { live } of this.#pools()) {
      for (const instance of live) {
        if (instance.activeCalls === 0) continue;
        for (const core of instance.cores ?? []) {
          const known = users.get(core);
          if (known === undefined) users.set(core, [instance]);
          else known.push(instance);
        }
      }
    }
    return users;
  }

  #hasTwo(): boolean {
    let count = 0;
    for (const { live } of this.#pools()) {
      for (const { cores } of live) if (cores !== null && ++count > 1) return true;
    }
    return false;
  }
}
