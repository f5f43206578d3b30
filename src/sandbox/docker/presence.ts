import type { World } from "../../lib/world.ts";
import { EngineError } from "./engine-error.ts";

/** How often an engine that is away is looked for, in ms. */
const lookEveryMs = 500;
/** The same of one that has not answered yet, and how long it is waited for: it may be starting, as both do when a machine or a container starts. */
const firstLookEveryMs = 50;
const firstAnswerMs = 10_000;

/** Hears what an operator should know: a constant sentence and its fields. */
export type Warn = (message: string, fields: Readonly<Record<string, unknown>>) => void;

/** Whether the engine is there, as far as is known: *expected* from the start on, and then *there* or *away*. */
export class EnginePresence {
  readonly #warn: Warn;
  readonly #found = Promise.withResolvers<void>();
  #isExpected = true;
  /** The operator knows that it is away. */
  #isTold = false;
  #trouble: string | null = null;

  constructor(world: World, warn: Warn) {
    this.#warn = warn;
    world.after(firstAnswerMs, () => this.#expectNoMore());
  }

  /** Resolves when it has answered for the first time, or had the time to. */
  get found(): Promise<void> {
    return this.#found.promise;
  }

  /** Why it cannot be asked for anything; null: it can, as far as is known. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** When to look for it again, in ms. */
  get lookAfterMs(): number {
    return this.#isExpected ? firstLookEveryMs : lookEveryMs;
  }

  isThere(): void {
    this.#trouble = null;
    if (this.#isTold) this.#warn("Docker answers again", {});
    this.#isTold = false;
    this.#expectNoMore();
  }

  isAway(error: unknown): void {
    this.#trouble = error instanceof EngineError ? error.reason : String(error);
    this.#tell();
  }

  #expectNoMore(): void {
    this.#isExpected = false;
    this.#tell();
    this.#found.resolve();
  }

  #tell(): void {
    if (this.#trouble === null || this.#isTold || this.#isExpected) return;
    this.#isTold = true;
    this.#warn("Docker does not answer: functions of images cannot run", { reason: this.#trouble });
  }
}
