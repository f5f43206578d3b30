import type { Fn } from "../model/model.ts";
import type { Instance } from "./instance.ts";
import { Keeper } from "./keeper.ts";
import { Provision } from "./provision.ts";
import { Rest } from "./rest.ts";
import type { PoolParts, Stock } from "./stock.ts";

/** What its pool does. */
export interface UpkeepFate {
  /** Starts a sandbox, for which the memory is taken. */
  start(): void;
  /** Ends an idle one. */
  stop(instance: Instance): void;
}

/** Everything about a pool's sandboxes that no call asks for: their rest, when they end, and those that are made ahead of calls. */
export class Upkeep {
  readonly provision: Provision;
  readonly #rest: Rest;
  readonly #keeper: Keeper;
  readonly #stock: Stock;

  constructor(fn: Fn, parts: PoolParts, stock: Stock, { start, stop }: UpkeepFate) {
    this.#stock = stock;
    this.#keeper = new Keeper(fn, parts.world, parts.keepAlives.of(fn), stock, start);
    this.provision = new Provision(parts.world, stock, fn, {
      start,
      over: stop,
      released: (instance) => this.#released(instance),
    });
    this.#rest = new Rest(fn, parts, {
      measured: (instance) => this.measured(instance),
      over: stop,
      endsAt: (instance) => this.#keeper.endsAt(instance),
      aging: (instance) => this.provision.age(instance),
    });
  }

  /** A sandbox is new, or the last call in it has ended. */
  watch(instance: Instance): void {
    this.#rest.watch(instance);
  }

  callBegins(instance: Instance): void {
    if (instance.frozen) this.#rest.wake(instance);
    this.#keeper.begun();
  }

  callEnded(): void {
    this.#keeper.ended();
    if (this.#stock.size === 0) this.#keeper.emptied();
  }

  measured(instance: Instance): void {
    if (instance.activeCalls === 0 && !instance.ended) this.#stock.recount(instance);
  }

  /** A sandbox ended, or is about to, because the pool stopped it (`stopped`) or by itself. */
  ended(instance: Instance, how: "stopped" | "by itself"): void {
    if (how === "stopped") instance.provision = "none";
    else this.provision.ended(instance);
    if (this.#stock.size === 0) this.#keeper.emptied();
  }

  /** No new calls come. */
  close(): void {
    this.#keeper.close();
    this.provision.set(0);
  }

  /** It is kept no longer: it counts and ends as the others do. */
  #released(instance: Instance): void {
    if (instance.activeCalls > 0) return;
    this.#stock.recount(instance);
    this.#rest.review(instance);
  }
}
