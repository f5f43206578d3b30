import type { FunctionReference } from "../invocation/invocation.ts";
import { PlatformError } from "../model/error.ts";
import type { Rule, Trigger } from "../model/model.ts";
import type { Store } from "../store/store.ts";

/** A trigger with all its rules, the oldest first. */
export interface KnownTrigger {
  readonly trigger: Trigger;
  readonly rules: readonly Rule[];
  /** Those that are active, and what each calls. */
  readonly active: readonly Rule[];
  readonly targets: readonly FunctionReference[];
}

/** Triggers of one namespace that are kept; beyond it all are forgotten. */
const triggersMax = 10_000;

/** Triggers as events find them: read once, then from memory until something changes. */
export class KnownTriggers {
  readonly #store: Pick<Store, "triggers" | "rules">;
  readonly #namespaces = new Map<string, Map<string, KnownTrigger>>();

  constructor(store: Pick<Store, "triggers" | "rules">) {
    this.#store = store;
  }

  peek(namespace: string, name: string): KnownTrigger | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  /** Throws `not_found`. */
  async load(namespace: string, name: string): Promise<KnownTrigger> {
    const kept = this.#namespaces.get(namespace) ?? new Map<string, KnownTrigger>();
    this.#namespaces.set(namespace, kept);
    const trigger = await this.#store.triggers.getByName(namespace, name);
    if (trigger === undefined) throw noTrigger(name);
    const known = knownOf(trigger, await this.#store.rules.ofTrigger(namespace, trigger.id));
    // Something changed meanwhile: this may be old, and is used once only.
    if (this.#namespaces.get(namespace) !== kept) return known;
    if (kept.size >= triggersMax) kept.clear();
    kept.set(name, known);
    return known;
  }

  changed(namespace: string): void {
    this.#namespaces.delete(namespace);
  }
}

function knownOf(trigger: Trigger, rules: readonly Rule[]): KnownTrigger {
  const active = rules.filter((rule) => rule.active);
  return { trigger, rules, active, targets: active.map((rule) => referenceTo(rule, trigger)) };
}

function referenceTo({ target: { namespace, app, name } }: Rule, trigger: Trigger): FunctionReference {
  return { by: "name", app, name, provider: namespace === trigger.namespace ? undefined : namespace };
}

function noTrigger(name: string): PlatformError {
  return new PlatformError("not_found", `Trigger ${name} does not exist`, { details: { what: "trigger" } });
}
