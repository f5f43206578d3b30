/** Schedules: a trigger that an alarm fires, and the rule by which it calls a function. */
import { isDeepStrictEqual } from "node:util";
import type { Client } from "../client.ts";
import { listOf, mapOf, type StoredRule, type StoredTrigger, type Wire } from "../manifest/wire.ts";
import type { Change } from "../project/deployment.ts";
import type { WantedSchedule } from "./wanted.ts";

/** Annotation of a trigger that says which stack made it. */
const stackKey = "polykiln/stack";

interface StoredSchedule {
  readonly timing: object;
  readonly startsAt: string | null;
  readonly endsAt: string | null;
  readonly payload: unknown;
}

export class Schedules {
  readonly #client: Client;
  readonly #wire: Wire;
  readonly #namespace: string;
  readonly #stack: string;
  #triggers: Promise<readonly StoredTrigger[]> | undefined;
  #rules: Promise<readonly StoredRule[]> | undefined;

  constructor(client: Client, wire: Wire, namespace: string, stack: string) {
    this.#client = client;
    this.#wire = wire;
    this.#namespace = namespace;
    this.#stack = stack;
  }

  async change(fn: string, wanted: WantedSchedule): Promise<Change> {
    const { name } = wanted;
    const [trigger, rule] = [
      (await this.#allTriggers()).find((each) => each.name === name),
      (await this.#allRules()).find((each) => each.name === ruleOf(name)),
    ];
    const there = trigger === undefined ? null : await this.#client.find<StoredSchedule>(this.#pathOf(name));
    const isOurs = trigger !== undefined && mapOf(trigger.annotations)[stackKey] === this.#stack;
    const leadsToIt = rule?.action.path === this.#namespace && rule.action.name === fn;
    const fields = [...differences(wanted, there), ...(isOurs ? [] : ["stack"]), ...(leadsToIt ? [] : ["function"])];
    return {
      verb: trigger === undefined ? "create" : fields.length > 0 ? "update" : "keep",
      noun: "schedule",
      name,
      fields,
      apply: () => this.#apply(fn, wanted),
    };
  }

  /** Names of those that the stack made. */
  async made(): Promise<readonly string[]> {
    return (await this.#allTriggers())
      .filter(({ annotations }) => mapOf(annotations)[stackKey] === this.#stack)
      .map(({ name }) => name);
  }

  async remove(name: string): Promise<void> {
    await this.#wire.remove("rules", ruleOf(name));
    await this.#wire.remove("triggers", name);
  }

  async #apply(fn: string, { name, timing, startsAt, endsAt, payload }: WantedSchedule): Promise<void> {
    await this.#wire.put("triggers", name, { annotations: listOf({ [stackKey]: this.#stack }) });
    const action = `/${this.#namespace}/${fn}`;
    await this.#wire.put("rules", ruleOf(name), { trigger: `/${this.#namespace}/${name}`, action });
    await this.#client.json("PUT", this.#pathOf(name), { body: { timing, startsAt, endsAt, payload } });
  }

  #pathOf(name: string): string {
    return `/kiln/v1/namespaces/${encodeURIComponent(this.#namespace)}/triggers/${encodeURIComponent(name)}/schedule`;
  }

  #allTriggers(): Promise<readonly StoredTrigger[]> {
    this.#triggers ??= this.#wire.list<StoredTrigger>("triggers");
    return this.#triggers;
  }

  #allRules(): Promise<readonly StoredRule[]> {
    this.#rules ??= this.#wire.list<StoredRule>("rules");
    return this.#rules;
  }
}

/** Triggers and rules share their names. */
function ruleOf(trigger: string): string {
  return `${trigger}-rule`;
}

function differences({ timing, startsAt, endsAt, payload }: WantedSchedule, there: StoredSchedule | null): string[] {
  if (there === null) return ["time"];
  const isSame: Readonly<Record<string, boolean>> = {
    time:
      isDeepStrictEqual(timeOf(timing), timeOf(there.timing)) &&
      isSameTime(startsAt, there.startsAt) &&
      isSameTime(endsAt, there.endsAt),
    input: isDeepStrictEqual(payload, there.payload),
  };
  return Object.keys(isSame).filter((name) => isSame[name] === false);
}

/** Times are given back in another spelling. */
function timeOf(timing: object): object {
  return "at" in timing ? { at: Date.parse(String(timing.at)) } : { ...timing };
}

function isSameTime(one: string | null, other: string | null): boolean {
  return one === other || (one !== null && other !== null && Date.parse(one) === Date.parse(other));
}
