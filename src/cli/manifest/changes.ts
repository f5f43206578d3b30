/** Packages, bindings, sequences, triggers and rules: what would change, and the request that changes it. */
import { isDeepStrictEqual } from "node:util";
import type { Change } from "../project/deployment.ts";
import { type Around, changeOf } from "./action-change.ts";
import { different, differentAnnotations, differentVersion, goneAnnotations } from "./differences.ts";
import { fedAnnotations, fedKey, feedOf } from "./feeds.ts";
import type { Manifest, Values, WantedBinding, WantedPackage, WantedRule, WantedSequence, WantedTrigger } from "./manifest.ts";
import { listOf, mapOf, type StoredAction, type StoredPackage, type StoredRule, type StoredTrigger } from "./wire.ts";

export async function packageChange({ wire, stored }: Around, wanted: WantedPackage): Promise<Change> {
  const { name, publish, version, parameters, annotations } = wanted;
  const body = {
    publish,
    ...(version !== null && { version }),
    parameters: listOf(parameters),
    annotations: listOf(annotations),
  };
  const apply = () => wire.put("packages", name, body);
  if (!stored.packages.has(name)) return changeOf("package", name, false, [], apply);
  const there = await wire.get<StoredPackage>("packages", name);
  const fields = [
    ...(there.publish === publish ? [] : ["public"]),
    ...different("parameters", parameters, mapOf(there.parameters)),
    ...differentAnnotations(annotations, mapOf(there.annotations)),
    ...differentVersion(version, there.version),
  ];
  return changeOf("package", name, true, fields, apply);
}

/** A binding shows the parameters of what it stands for under its own. */
export async function bindingChange({ wire, stored }: Around, wanted: WantedBinding): Promise<Change> {
  const { name, parameters, annotations } = wanted;
  const { namespace, name: target } = wanted.provider;
  const provider = { namespace: namespace === "_" ? wire.namespace : namespace, name: target };
  const body = { binding: provider, publish: false, parameters: listOf(parameters), annotations: listOf(annotations) };
  const apply = () => wire.put("packages", name, body);
  // One that the manifest makes as well is not there yet.
  const isToCome = provider.namespace === wire.namespace && !stored.packages.has(target);
  const below = isToCome ? null : await wire.in(provider.namespace).get<StoredPackage>("packages", target);
  if (!stored.packages.has(name)) return changeOf("binding", name, false, [], apply);
  const there = await wire.get<StoredPackage>("packages", name);
  const isSame = there.binding !== false && isDeepStrictEqual({ ...there.binding }, provider);
  const fields = [
    ...(isSame ? [] : ["location"]),
    ...different("parameters", { ...mapOf(below?.parameters ?? []), ...parameters }, mapOf(there.parameters)),
    ...differentAnnotations(annotations, mapOf(there.annotations)),
  ];
  return changeOf("binding", name, true, fields, apply);
}

export async function sequenceChange({ wire, stored }: Around, wanted: WantedSequence): Promise<Change> {
  const { name, annotations } = wanted;
  const components = wanted.components.map((each) => owned(each, wire.namespace));
  const body = { exec: { kind: "sequence", components }, annotations: listOf(annotations) };
  if (!stored.actions.has(name)) return changeOf("sequence", name, false, [], () => wire.put("actions", name, body));
  const there = await wire.get<StoredAction>("actions", name);
  const storedAnnotations = mapOf(there.annotations);
  const fields = [
    ...(isDeepStrictEqual(there.exec.components, components) ? [] : ["actions"]),
    ...differentAnnotations(annotations, storedAnnotations),
  ];
  return changeOf("sequence", name, true, fields, async () => {
    const gone = goneAnnotations(annotations, storedAnnotations);
    // Whoever sends components keeps all annotations.
    if (gone.length > 0) await wire.put("actions", name, { delAnnotations: gone });
    await wire.put("actions", name, body);
  });
}

/** A feed that was told something else is told to end and to begin anew: not every one knows how to change. */
export async function triggerChange({ wire, stored, feeds }: Around, wanted: WantedTrigger): Promise<Change> {
  const { name, feed, parameters } = wanted;
  const annotations = fedAnnotations(wanted);
  const own = feed === null ? parameters : {};
  // Of a trigger that is fed wskdeploy says so, and nothing follows from it.
  const body = { publish: feed !== null, parameters: listOf(own), annotations: listOf(annotations) };
  if (!stored.triggers.has(name)) {
    return changeOf("trigger", name, false, [], async () => {
      await wire.put("triggers", name, body);
      if (feed === null) return;
      // Without its feed there is nothing to it.
      await feeds.begin(name, feed, parameters).catch(async (error: unknown) => {
        await wire.remove("triggers", name);
        throw error;
      });
    });
  }
  const there = await wire.get<StoredTrigger>("triggers", name);
  const before = mapOf(there.annotations);
  const isFedAlike = annotations["feed"] === before["feed"] && annotations[fedKey] === before[fedKey];
  const fields = [
    ...(isFedAlike ? [] : ["feed"]),
    ...different("parameters", own, mapOf(there.parameters)),
    ...differentAnnotations(unfed(annotations), unfed(before)),
  ];
  return changeOf("trigger", name, true, fields, async () => {
    const last = feedOf(before);
    if (!isFedAlike && last !== undefined) await feeds.end(name, last);
    // What it is told is noted when it took it.
    await wire.put("triggers", name, isFedAlike ? body : { ...body, annotations: listOf(unmarked(annotations)) });
    if (isFedAlike || feed === null) return;
    await feeds.begin(name, feed, parameters);
    await wire.put("triggers", name, body);
  });
}

function unfed({ feed: _feed, ...others }: Values): Values {
  return unmarked(others);
}

function unmarked({ [fedKey]: _fed, ...others }: Values): Values {
  return others;
}

/** A rule stays as active as it is, unless its trigger was gone. */
export async function ruleChange({ wire, stored }: Around, wanted: WantedRule, manifest: Manifest): Promise<Change> {
  const { name, annotations } = wanted;
  const trigger = owned(wanted.trigger, wire.namespace);
  const action = owned(wanted.action, wire.namespace);
  const body = { trigger, action, annotations: listOf(annotations) };
  const apply = () => wire.put("rules", name, body);
  if (!stored.rules.has(name)) return changeOf("rule", name, false, [], apply);
  const there = await wire.get<StoredRule>("rules", name);
  const triggerName = trigger.split("/").at(-1) as string;
  const wasGone = !stored.triggers.has(triggerName) && manifest.triggers.some((each) => each.name === triggerName);
  const fields = [
    ...(nameOf(there.trigger) === trigger ? [] : ["trigger"]),
    ...(nameOf(there.action) === action ? [] : ["action"]),
    ...(wasGone ? ["status"] : []),
    ...differentAnnotations(annotations, mapOf(there.annotations)),
  ];
  return changeOf("rule", name, true, fields, async () => {
    await apply();
    if (wasGone) await wire.activate(name);
  });
}

function nameOf({ path, name }: StoredRule["trigger"]): string {
  return `/${path}/${name}`;
}

function owned(name: string, namespace: string): string {
  return name.startsWith("/_/") ? `/${namespace}${name.slice(2)}` : name;
}
