import { nearest } from "../../lib/nearest.ts";
import { exits, Failure } from "../failure.ts";
import { feedOf } from "./feeds.ts";
import type { Manifest } from "./manifest.ts";
import type { OnServer } from "./plan.ts";

/** Before anything is made: a name of the namespace that is neither in the manifest nor on the server. Throws a `Failure`. */
export function checkReferences(manifest: Manifest, stored: OnServer, namespace: string): void {
  const known = namesOf(manifest, stored);
  const check = (whole: string, kind: keyof typeof known, what: string, place: string) => {
    const own = ownName(whole, namespace);
    if (own === undefined || known[kind].has(own)) return;
    const pkg = own.includes("/") ? own.slice(0, own.indexOf("/")) : "";
    // What is behind a binding the server knows.
    if (kind === "actions" && known.bindings.has(pkg)) return;
    throw dangling(what, own, place, known[kind]);
  };
  for (const { name, components, place } of manifest.sequences)
    for (const component of components) check(component, "actions", `Sequence ${name} has the action`, place);
  for (const { name, feed, place } of manifest.triggers)
    if (feed !== null) check(feedOf({ feed }) ?? "", "actions", `Trigger ${name} has the feed`, place);
  for (const { name, trigger, action, place } of manifest.rules) {
    check(trigger, "triggers", `Rule ${name} has the trigger`, place);
    check(action, "actions", `Rule ${name} has the action`, place);
  }
  for (const { name, provider, place } of manifest.bindings)
    check(`/${provider.namespace}/${provider.name}`, "packages", `The dependency ${name} is to the package`, place);
}

function namesOf(manifest: Manifest, stored: OnServer) {
  const storedBindings = [...stored.packages.values()].filter(({ binding }) => binding !== false);
  return {
    actions: names([...manifest.actions, ...manifest.sequences], stored.actions),
    triggers: names(manifest.triggers, stored.triggers),
    packages: names(manifest.packages, stored.packages),
    bindings: new Set([...manifest.bindings, ...storedBindings].map(({ name }) => name)),
  };
}

function names(items: readonly { readonly name: string }[], there: ReadonlyMap<string, unknown>): ReadonlySet<string> {
  return new Set([...items.map(({ name }) => name), ...there.keys()]);
}

/** Without its namespace; undefined: it is in another one. */
function ownName(whole: string, namespace: string): string | undefined {
  const [, owner, ...path] = whole.split("/");
  return owner === "_" || owner === namespace ? path.join("/") : undefined;
}

function dangling(what: string, name: string, where: string, others: ReadonlySet<string>): Failure {
  const meant = nearest(name, others);
  return new Failure({
    code: "E_PROJECT",
    exit: exits.usage,
    what: `${what} ${name}, which is neither in the manifest nor on the server`,
    where,
    fix: meant === undefined ? undefined : `did you mean ${meant}?`,
  });
}
