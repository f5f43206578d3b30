import { byNamespace, type Egress, type Fn } from "../model/model.ts";
import { wantsApi } from "../protocol/api-access.ts";

/** A function as it is started: what it may connect to is said. */
export type SettledFn = Fn & { readonly egress: Egress };

interface Rule {
  readonly egress: Egress | null;
  readonly version: number;
}

/** Where nothing is said of a namespace: code that is given a key to the platform is to reach it, too. */
const usual: Egress = "internet";
const usualWithApi: Egress = ["internet", "platform"];

/** What functions connect to that leave it to their namespace. */
export class EgressRules {
  readonly #rules = new Map<string, Rule>();

  /** Null: as where nothing is said. */
  set(namespace: string, egress: Egress | null): void {
    this.#rules.set(namespace, { egress, version: this.versionOf(namespace) + 1 });
  }

  /** Rises with each change. */
  versionOf(namespace: string): number {
    return this.#rules.get(namespace)?.version ?? 0;
  }

  /** The function as it is to be started now; the very same object where it says itself what it connects to. */
  settled(fn: Fn): SettledFn {
    const { egress } = fn;
    if (egress !== byNamespace) return fn as SettledFn;
    const said = this.#rules.get(fn.namespace)?.egress ?? null;
    return { ...fn, egress: said ?? (wantsApi(fn.annotations) ? usualWithApi : usual) };
  }
}
