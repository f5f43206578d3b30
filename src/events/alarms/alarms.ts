import type { Caller } from "../../auth/auth.ts";
import type { World } from "../../lib/world.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import type { Schedule } from "../../model/schedule.ts";
import type { Store } from "../../store/store.ts";
import type { Events } from "../events.ts";
import { checkTiming, nextFire } from "./timing.ts";

export interface AlarmsParts {
  readonly world: Pick<World, "now" | "after" | "newId">;
  readonly store: Pick<Store, "schedules" | "triggers" | "rules">;
  readonly events: Events;
  /** Hears why an alarm was late or could not be. */
  warn(sentence: string, error: unknown): void;
}

/** What somebody sets; the trigger is known by its name. */
export type WantedSchedule = Pick<
  Schedule,
  "timing" | "startsAt" | "endsAt" | "firesMax" | "missed" | "afterwards" | "payload" | "note"
>;

/** The clock of the machine may be set: it is looked at so often, in ms. */
const lookMsMax = 30_000;
const againMs = 5000;
const atOnceMax = 200;
/** A fire that is so late, in ms, was missed. */
const missedMs = 60_000;
const headers = ["content-type", "application/json"];

/**
 * Fires triggers by the clock. What is due is in the store: an event is durable before its schedule moves on, so a server that dies in between
 * fires once more, and never not at all. Of what was missed while no server ran there is one fire, or none, as the schedule says.
 */
export class Alarms {
  readonly #parts: AlarmsParts;
  #callOff: (() => void) | null = null;
  #looking: Promise<void> | null = null;
  #isAskedAgain = false;
  #isRunning = false;

  constructor(parts: AlarmsParts) {
    this.#parts = parts;
  }

  /** From now on what is due is fired. */
  start(): void {
    this.#isRunning = true;
    this.#look();
  }

  /** Resolves when none is being fired. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#callOff?.();
    await this.#looking;
  }

  /** Instead of the schedule that the trigger has. Throws `invalid`, and `not_found` for the trigger. */
  async put(namespace: string, trigger: string, wanted: WantedSchedule): Promise<Schedule> {
    const { world, store } = this.#parts;
    checkTiming(wanted.timing);
    const found = await store.triggers.getByName(namespace, trigger);
    if (found === undefined)
      throw new PlatformError("not_found", `Trigger ${trigger} does not exist`, { details: { what: "trigger" } });
    const createdAt = world.now();
    const made = { ...wanted, id: world.newId(), namespace, triggerId: found.id, trigger, fired: 0, createdAt };
    const nextAt = nextFire(made, createdAt);
    if (nextAt === null)
      throw new PlatformError("invalid", "It would never fire: no time that it names is between now and its end");
    const schedule = { ...made, nextAt };
    await store.schedules.put(schedule);
    this.#look();
    return schedule;
  }

  #look(): void {
    if (!this.#isRunning) return;
    if (this.#looking !== null) {
      this.#isAskedAgain = true;
      return;
    }
    this.#callOff?.();
    this.#looking = this.#round()
      .catch((error: unknown) => {
        this.#parts.warn("Alarms could not be looked for; it is tried again", error);
        return againMs;
      })
      .then((waitMs) => {
        this.#looking = null;
        if (!this.#isRunning) return;
        const soon = this.#isAskedAgain ? 0 : waitMs;
        this.#isAskedAgain = false;
        this.#callOff = this.#parts.world.after(soon, () => this.#look());
      });
  }

  /** Milliseconds until the next one. */
  async #round(): Promise<number> {
    const { world, store } = this.#parts;
    const due = await store.schedules.due(world.now(), atOnceMax);
    await Promise.all(due.map((schedule) => this.#fire(schedule)));
    const next = await store.schedules.nextAt();
    return next === null ? lookMsMax : Math.min(lookMsMax, Math.max(0, next - world.now()));
  }

  async #fire(schedule: Schedule): Promise<void> {
    const { namespace, trigger, payload, missed, nextAt } = schedule;
    const { world, store, events, warn } = this.#parts;
    const isMissed = world.now() - (nextAt ?? 0) > missedMs;
    if (isMissed && missed === "skip") return await this.#advance(schedule, schedule.fired);
    const caller: Caller = { name: "alarms", namespaces: [namespace] };
    try {
      await events.fire({ caller, namespace, trigger, headers, body: Buffer.from(payload) });
    } catch (error) {
      if (asPlatformError(error).code === "not_found") return await store.schedules.remove(namespace, trigger).catch(() => {});
      warn(`Trigger ${namespace}/${trigger} could not be fired by its alarm; it is tried again`, error);
      return await store.schedules.advance({ ...schedule, nextAt: world.now() + againMs });
    }
    await this.#advance(schedule, schedule.fired + 1);
  }

  async #advance(schedule: Schedule, fired: number): Promise<void> {
    const { store, world } = this.#parts;
    // A skipped one of those that come once is over, too.
    const moved = { ...schedule, fired: schedule.timing.by === "once" ? 1 : fired };
    const nextAt = nextFire(moved, world.now());
    await store.schedules.advance({ ...moved, nextAt });
    if (nextAt === null) await this.#over(schedule);
  }

  async #over({ namespace, triggerId, afterwards }: Schedule): Promise<void> {
    const { store, events } = this.#parts;
    if (afterwards === "nothing") return;
    if (afterwards === "trigger and rules")
      for (const { id } of await store.rules.ofTrigger(namespace, triggerId)) await store.rules.remove(namespace, id);
    await store.triggers.remove(namespace, triggerId).catch(ignoreGone);
    events.changed(namespace);
  }
}

function ignoreGone(error: unknown): void {
  if (asPlatformError(error).code !== "not_found") throw error;
}
