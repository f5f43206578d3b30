/** What became of the rules of an event: as it is kept with the event's result, and as lines of its log. */
import type { Accepted } from "../invocation/invocation.ts";
import type { LogStore } from "../logs/logs.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation, LogLine, Rule } from "../model/model.ts";
import type { Store } from "../store/store.ts";
import type { RuleOutcome } from "./events.ts";

/** A rule's name, and the namespace, app and name of its target; then the call's id, or why there is none. Every event keeps one for each rule, so it is short. */
type Kept = readonly [string, string, string | null, string, (string | RuleOutcome["error"])?];

/** Of one rule, as JSON text. `call` undefined: it is not active, so there is none. */
export function outcomeText(rule: Rule, call: Accepted | PlatformError | undefined): string {
  const head = headOf(rule);
  if (call === undefined) return `${head}]`;
  if (!(call instanceof PlatformError)) return `${head},"${call.activationId}"]`;
  const { code, message, details } = call;
  return `${head},${JSON.stringify({ code, message, details })}]`;
}

/** Rules do not change, others take their place. */
function headOf(rule: Rule): string {
  const found = known.get(rule);
  if (found !== undefined) return found;
  const { name, target } = rule;
  const kept: Kept = [name, target.namespace, target.app, target.name];
  const head = JSON.stringify(kept).slice(0, -1);
  known.set(rule, head);
  return head;
}

const known = new WeakMap<Rule, string>();

function outcomeOf([rule, namespace, app, name, call = null]: Kept): RuleOutcome {
  const made = typeof call === "string" ? { activationId: call, error: null } : { activationId: null, error: call };
  return { rule, target: { namespace, app, name }, ...made };
}

/** The log of an activation: what was printed, or of an event one line for each rule, a `RuleOutcome` as JSON. */
export async function linesOf(
  { logs, store }: { readonly logs: Pick<LogStore, "read">; readonly store: Pick<Store, "activations"> },
  { namespace, id, activated, startedAt: at }: Pick<Activation, "namespace" | "id" | "activated" | "startedAt">,
): Promise<readonly LogLine[]> {
  if (activated === undefined) return await logs.read(namespace, id);
  const kept = await store.activations.result(namespace, id);
  const rules = JSON.parse(kept?.rules ?? "[]") as readonly Kept[];
  return rules.map((rule) => ({ at, stream: "platform", text: JSON.stringify(outcomeOf(rule)) }));
}
