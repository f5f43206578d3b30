import type { World } from "../lib/world.ts";
import type { Fn } from "../model/model.ts";
import type { Instance } from "./instance.ts";
import { fixedKeepAlive, type KeepAlive } from "./keep-alive.ts";
import type { Stock } from "./stock.ts";

/** Carries out for a pool what its function's policy plans: says when an idle sandbox ends, and makes one ready before the call that is expected. */
export class Keeper {
  readonly #fn: Fn;
  readonly #world: World;
  readonly #stock: Pick<Stock, "size" | "reserveSpare">;
  readonly #policy: KeepAlive;
  readonly #learns: boolean;
  readonly #start: () => void;
  #startOff: (() => void) | null = null;
  #closed = false;

  /** `start` makes a sandbox, for which the memory is taken. */
  constructor(fn: Fn, world: World, policy: KeepAlive, stock: Pick<Stock, "size" | "reserveSpare">, start: () => void) {
    this.#fn = fn;
    this.#world = world;
    this.#policy = policy;
    this.#learns = policy !== fixedKeepAlive;
    this.#stock = stock;
    this.#start = start;
  }

  /** A call begins. */
  begun(): void {
    if (!this.#learns) return;
    this.#startOff?.();
    this.#startOff = null;
    this.#policy.begun(this.#world.monotonic(), this.#fn.idleTimeoutMs);
  }

  ended(): void {
    if (this.#learns) this.#policy.ended(this.#world.monotonic());
  }

  /** When an idle sandbox ends, if no call comes; monotonic ms. */
  endsAt(instance: Pick<Instance, "madeAt" | "idleSince" | "provision">): number {
    if (instance.provision !== "none") return Number.POSITIVE_INFINITY;
    if (!this.#learns) return instance.idleSince + this.#fn.idleTimeoutMs;
    const { eachMs, lastMs, again } = this.#policy.plan(this.#fn.idleTimeoutMs);
    const since = this.#policy.idleSince;
    const isLast = this.#stock.size === 1;
    if (again !== null && since !== null && instance.madeAt > since)
      return Math.max(instance.madeAt + eachMs, since + again.untilMs);
    return instance.idleSince + (isLast ? lastMs : eachMs);
  }

  /** The last sandbox ended. */
  emptied(): void {
    const since = this.#policy.idleSince;
    if (!this.#learns || this.#closed || since === null || this.#startOff !== null) return;
    const { again } = this.#policy.plan(this.#fn.idleTimeoutMs);
    const delayMs = since + (again?.fromMs ?? 0) - this.#world.monotonic();
    if (again === null || delayMs <= 0) return;
    this.#startOff = this.#world.after(Math.ceil(delayMs), () => {
      this.#startOff = null;
      // Nobody waits for it: nothing is evicted for it.
      if (this.#stock.size === 0 && this.#stock.reserveSpare()) this.#start();
    });
  }

  /** Nothing is made ready any more. */
  close(): void {
    this.#closed = true;
    this.#startOff?.();
    this.#startOff = null;
  }
}

/** Functions whose policies are remembered; beyond it who was asked for longest ago is forgotten. */
const policiesMax = 10_000;

/** What each function's policy learned, whatever its revision. */
export class KeepAlives {
  readonly #make: (name: Fn["keepAlive"]) => KeepAlive;
  readonly #byFunction = new Map<string, KeepAlive>();

  constructor(make: (name: Fn["keepAlive"]) => KeepAlive) {
    this.#make = make;
  }

  of({ id, keepAlive }: Fn): KeepAlive {
    if (keepAlive === "fixed") return fixedKeepAlive;
    const policy = this.#byFunction.get(id) ?? this.#make(keepAlive);
    this.#byFunction.delete(id);
    this.#byFunction.set(id, policy);
    for (const oldest of this.#byFunction.keys()) {
      if (this.#byFunction.size <= policiesMax) break;
      this.#byFunction.delete(oldest);
    }
    return policy;
  }
}
