import { Failure } from "../failure.ts";
import type { Change, Leftover, Plan } from "../project/deployment.ts";
import { actionChange } from "./action-change.ts";
import { apiChanges } from "./api-gateway.ts";
import { bindingChange, packageChange, ruleChange, sequenceChange, triggerChange } from "./changes.ts";
import { checkReferences } from "./dangling.ts";
import { Feeds, feedOf } from "./feeds.ts";
import { inOrder } from "./in-order.ts";
import { projectOf } from "./managed.ts";
import type { Manifest } from "./manifest.ts";
import { mapOf, Refusal, type StoredAction, type StoredPackage, type StoredRule, type StoredTrigger, type Wire } from "./wire.ts";

export interface ManifestPlanOptions {
  readonly wire: Wire;
  readonly manifest: Manifest;
  readonly prune: boolean;
  /** Key of who deploys, which feeds are given. Throws a `Failure` when there is none. */
  key(): string;
  readonly signal: AbortSignal;
}

/** What is on the server: summaries, by name. */
export interface OnServer {
  readonly packages: ReadonlyMap<string, StoredPackage>;
  readonly actions: ReadonlyMap<string, StoredAction>;
  readonly triggers: ReadonlyMap<string, StoredTrigger>;
  readonly rules: ReadonlyMap<string, StoredRule>;
}

/** Compares a manifest with the server: packages first, then what is in them, what refers to that, and deletions last. */
export async function planManifest(options: ManifestPlanOptions): Promise<Plan> {
  const { wire, manifest, prune, key } = options;
  const [stored, runtimes] = await Promise.all([stocktaking(wire), wire.runtimes()]);
  checkReferences(manifest, stored, wire.namespace);
  const feeds = new Feeds(wire, key);
  const around = { wire, stored, runtimes, feeds, signal: options.signal };
  const changes = [
    ...(await inTurn(manifest.packages, (each) => packageChange(around, each))),
    ...(await inTurn(manifest.bindings, (each) => bindingChange(around, each))),
    ...(await inTurn(manifest.actions, (each) => actionChange(around, each))),
    ...(await inTurn(inOrder(manifest.sequences), (each) => sequenceChange(around, each))),
    ...(await inTurn(manifest.triggers, (each) => triggerChange(around, each))),
    ...(await inTurn(manifest.rules, (each) => ruleChange(around, each, manifest))),
    ...(await inTurn(await apiChanges(wire, manifest), (planned) => Promise.resolve(planned.change))),
  ];
  const gone = leftoversOf(manifest, stored);
  const deletions = prune ? gone.map((leftover) => deletion(wire, feeds, stored, leftover)) : [];
  return { changes: [...changes, ...deletions], leftovers: prune ? [] : gone };
}

async function stocktaking(wire: Wire): Promise<OnServer> {
  const [packages, actions, triggers, rules] = await Promise.all([
    wire.list<StoredPackage>("packages"),
    wire.list<StoredAction>("actions"),
    wire.list<StoredTrigger>("triggers"),
    wire.list<StoredRule>("rules"),
  ]);
  const named = actions.map((action): [string, StoredAction] => {
    const pkg = action.namespace.split("/")[1];
    return [pkg === undefined ? action.name : `${pkg}/${action.name}`, action];
  });
  return { packages: byName(packages), actions: new Map(named), triggers: byName(triggers), rules: byName(rules) };
}

function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}

/** One after the other: code may be large, and that of actions that stay as they are need not be in memory all at once. */
async function inTurn<T extends { readonly place: string }>(
  items: readonly T[],
  plan: (item: T) => Promise<Change>,
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const item of items) {
    const change = await placed(item.place, plan(item));
    changes.push({ ...change, apply: () => placed(item.place, change.apply()) });
  }
  return changes;
}

/** What the server refuses is told with the place of what it refused. */
async function placed<T>(place: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { where, why } = error.fields;
    throw new Failure({ ...error.fields, where: place, why: why ?? `The server said so to ${where}` });
  }
}

/** What the project made and its manifest has no more, in the order in which it can be deleted. */
function leftoversOf(manifest: Manifest, stored: OnServer): Leftover[] {
  const { project } = manifest;
  if (project === null) return [];
  const gone = (items: OnServer[keyof OnServer], wanted: readonly { readonly name: string }[]) =>
    [...items]
      .filter(
        ([name, { annotations }]) => projectOf(mapOf(annotations)) === project && wanted.every((each) => each.name !== name),
      )
      .map(([name]) => name)
      .toSorted();
  const actions = gone(stored.actions, [...manifest.actions, ...manifest.sequences]);
  const packages = gone(stored.packages, [...manifest.packages, ...manifest.bindings]).filter((name) =>
    // One with actions of others stays as it is.
    [...stored.actions.keys()].every((action) => !action.startsWith(`${name}/`) || actions.includes(action)),
  );
  const isBinding = (name: string) => stored.packages.get(name)?.binding !== false;
  return [
    ...gone(stored.rules, manifest.rules).map((name) => ({ noun: "rule" as const, name })),
    ...gone(stored.triggers, manifest.triggers).map((name) => ({ noun: "trigger" as const, name })),
    ...actions.map((name) => ({ noun: "action" as const, name })),
    ...packages.map((name) => ({ noun: isBinding(name) ? ("binding" as const) : ("package" as const), name })),
  ];
}

function deletion(wire: Wire, feeds: Feeds, stored: OnServer, { noun, name }: Leftover): Change {
  const collection = { rule: "rules", trigger: "triggers", action: "actions" } as const;
  return {
    verb: "delete",
    noun,
    name,
    fields: [],
    apply: async () => {
      const feed = noun === "trigger" ? feedOf(mapOf(stored.triggers.get(name)?.annotations ?? [])) : undefined;
      if (feed !== undefined) await feeds.end(name, feed);
      await wire.remove(noun === "rule" || noun === "trigger" || noun === "action" ? collection[noun] : "packages", name);
    },
  };
}
