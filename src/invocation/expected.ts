import type { Agent } from "../agent/agent.ts";
import { limits } from "../model/limits.ts";
import type { Store } from "../store/store.ts";

/** Of each namespace these many are looked at, and of so many namespaces: whoever called one of a kind may call others. */
const newestMax = 100;
const namespacesMax = limits.listPage.max;

/**
 * Tells the agent of functions that were deployed before this process began, as it would have heard of them then: the newest of each namespace, which costs
 * the same however many there are.
 */
export async function expectStored(
  store: { readonly namespaces: Pick<Store["namespaces"], "list"> } & {
    readonly apps: Pick<Store["apps"], "get">;
    readonly functions: Pick<Store["functions"], "newest">;
  },
  agent: Pick<Agent, "expect">,
): Promise<void> {
  const { items } = await store.namespaces.list({ limit: namespacesMax });
  for (const { name } of items) {
    for (const fn of (await store.functions.newest(name, newestMax)).toReversed()) {
      const app = fn.appId === null ? null : await store.apps.get(name, fn.appId);
      if (app !== undefined) agent.expect(fn, app);
    }
  }
}
