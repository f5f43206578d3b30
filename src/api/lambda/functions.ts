/** Functions: made, read, listed, changed and removed. */
import { asPlatformError } from "../../model/error.ts";
import { deliveryDefaults, fnDefaults } from "../../model/fn-defaults.ts";
import { layersOf } from "../../model/layer.ts";
import type { Fn, Source } from "../../model/model.ts";
import { parseReference } from "../../oci/reference.ts";
import { archiveIn, type Archive, storedArchive } from "./archive.ts";
import { announce, changedFunction, checkRevision, checkSettled, noted, type Readiness } from "./change.ts";
import { codeLink } from "./code-link.ts";
import { renderConfiguration, type Shown } from "./configuration.ts";
import { changedMeanwhile, conflict, functionNotFound, invalidParameter, status } from "./errors.ts";
import { flagIn, type Json, objectIn, textIn } from "./fields.ts";
import { checkLayers, layersIn, withLayers } from "./layer/used.ts";
import { lambdaLimits } from "./limits.ts";
import { metaOf, withMeta } from "./meta.ts";
import { arnOf, latest, newName, shownName } from "./names.ts";
import type { Exchange } from "./exchange.ts";
import { jsonReply, type Reply } from "./reply.ts";
import { readSettings, type Settings, withSettings } from "./settings.ts";
import { arnIn, type FoundFunction, functionNamed, unqualified } from "./found.ts";
import { checkedTags } from "./tags.ts";
import { published, versionQualified } from "./versions.ts";

export async function createFunction(exchange: Exchange): Promise<Reply> {
  const { context, namespace, body } = exchange;
  const { store, world } = context;
  const name = newName(body["FunctionName"], context.identity);
  const tags = checkedTags(body["Tags"]);
  const settings = readSettings(body, context);
  const layers = await layersIn(exchange);
  const code = objectIn(body, "Code") ?? {};
  if ((await store.functions.getByName(namespace, null, name)) !== undefined) throw conflict(`Function already exist: ${name}`);
  const now = world.now();
  const made = await sourceOf(exchange, code, settings, body);
  const blank: Fn = {
    ...blankFn,
    id: world.newId(),
    namespace,
    name,
    source: made.source,
    protocol: made.protocol,
    annotations: withMeta({}, { codeBytes: made.codeBytes }),
    createdAt: now,
    updatedAt: now,
  };
  const set = withSettings(blank, made.isImage ? { ...settings, runtime: undefined, handler: undefined } : settings);
  if (layers !== undefined) await checkLayers(exchange, set.source, layers);
  const fn = await created(exchange, withLayers(set, layers));
  if (!made.isReady) await context.readying.note(fn, { revision: fn.revision, before: null, failure: null });
  if (Object.keys(tags).length > 0) await context.notes.change(fn, (notes) => ({ ...notes, tags }));
  announce(exchange, fn, null);
  if (!made.isReady) context.readying.begin(fn, null);
  return await shownAfter(exchange, { fn, app: null }, status.created);
}

/** The version that was just published, or the function as it is. */
async function shownAfter(exchange: Exchange, { fn, app }: FoundFunction, number: number = status.ok): Promise<Reply> {
  const version = flagIn(exchange.body, "Publish") ? await published(exchange.context, fn, "") : null;
  return jsonReply(number, renderConfiguration(exchange.context, { fn, app, version }));
}

const blankFn = {
  appId: null,
  ...fnDefaults,
  memoryMiB: lambdaLimits.memoryMiB.default,
  timeoutMs: lambdaLimits.timeoutS.default * 1000,
  delivery: deliveryDefaults,
  shape: "",
  revision: 1,
} as const;

async function created({ context }: Exchange, fn: Fn): Promise<Fn> {
  try {
    return await context.store.functions.create(fn);
  } catch (error) {
    const { code, details } = asPlatformError(error);
    throw code === "conflict" && details["reason"] === "taken" ? conflict(`Function already exist: ${fn.name}`) : error;
  }
}

interface Made extends Pick<Fn, "source" | "protocol"> {
  readonly codeBytes: number;
  readonly isImage: boolean;
  readonly isReady: boolean;
}

/** The code of a new function, stored. */
async function sourceOf(exchange: Exchange, code: Json, { runtime, handler }: Settings, body: Json): Promise<Made> {
  const image = textIn(code, "ImageUri");
  const packageType = textIn(body, "PackageType") ?? "Zip";
  if (packageType === "Image") {
    if (image === undefined) throw invalidParameter("Please provide ImageUri when updating a function with packageType Image.");
    parseReference(image);
    return { source: { type: "image", image }, protocol: "runtime-api", codeBytes: 0, isImage: true, isReady: false };
  }
  const archive = archiveIn(code);
  if (runtime === undefined || handler === undefined)
    throw invalidParameter("Runtime and Handler are mandatory parameters for functions created with deployment packages.");
  const { kind, protocol, convention } = runtime;
  const digest = await stored(exchange, archive);
  const source: CodeSource = {
    type: "code",
    kind,
    digest,
    handler,
    command: null,
    ...(convention === null ? {} : { convention }),
  };
  return { ...(await withPackages(exchange, source)), protocol, codeBytes: archive.bytes.length, isImage: false };
}

type CodeSource = Extract<Source, { type: "code" }>;

async function stored(exchange: Exchange, archive: Archive): Promise<string> {
  return (await storedArchive(exchange, archive)).digest;
}

/** With the packages that the code names, and whether they are there. */
async function withPackages(
  { context, namespace }: Exchange,
  source: CodeSource,
): Promise<{ source: CodeSource; isReady: boolean }> {
  const { dependencies: _before, ...bare } = source;
  const packages = (await context.packages?.look(bare, namespace)) ?? null;
  if (packages === null) return { source: bare, isReady: true };
  return { source: { ...bare, dependencies: packages.key }, isReady: packages.isThere };
}

export async function getFunction(exchange: Exchange): Promise<Reply> {
  const shown = await shownFunction(exchange);
  const { fn } = shown;
  const { tags, callsMax } = await exchange.context.notes.of(fn);
  const { source } = fn;
  const Code =
    source.type === "image" && source.digest === undefined
      ? { RepositoryType: "ECR", ImageUri: source.image, ResolvedImageUri: source.image }
      : { RepositoryType: "S3", Location: codeLink(exchange.context, exchange.request, fn) };
  return jsonReply(status.ok, {
    Configuration: renderConfiguration(exchange.context, shown),
    Code,
    ...(Object.keys(tags).length === 0 ? {} : { Tags: tags }),
    ...(callsMax === undefined ? {} : { Concurrency: { ReservedConcurrentExecutions: callsMax } }),
  });
}

export async function getConfiguration(exchange: Exchange): Promise<Reply> {
  return jsonReply(status.ok, renderConfiguration(exchange.context, await shownFunction(exchange)));
}

/** What the name and its qualifier lead to. Throws `Refusal`. */
async function shownFunction(exchange: Exchange): Promise<Shown> {
  const found = await functionNamed(exchange);
  const { qualifier } = exchange.function;
  if (qualifier === null) return { ...found, version: null };
  return await versionQualified(exchange, found, qualifier);
}

export async function updateCode(exchange: Exchange): Promise<Reply> {
  const { body } = exchange;
  const found = await unqualified(exchange);
  const { source: before } = found.fn;
  checkRevision(found.fn, body);
  checkSettled(exchange, found);
  if (before.type === "image" && before.digest === undefined) return await updateImage(exchange, found);
  if (before.type !== "code")
    throw invalidParameter("The code of this function can't be changed by a zip: it is not code for a runtime");
  const archive = archiveIn(body);
  const digest = await stored(exchange, archive);
  await checkLayers(exchange, { ...before, digest }, layersOf(before));
  const { source, isReady } = await withPackages(exchange, { ...before, digest });
  const dryRun = flagIn(body, "DryRun");
  const changed = (fn: Fn): Fn => {
    if (fn.source.type !== "code") throw changedMeanwhile(arnIn(exchange.context.identity, exchange.function));
    const { dependencies: _old, ...kept } = fn.source;
    const packages = source.dependencies === undefined ? {} : { dependencies: source.dependencies };
    const annotations = withMeta(fn.annotations, { ...metaOf(fn), codeBytes: archive.bytes.length });
    return { ...fn, source: { ...kept, digest, ...packages }, annotations };
  };
  if (dryRun)
    return jsonReply(status.ok, renderConfiguration(exchange.context, { fn: changed(found.fn), app: found.app, version: null }));
  return await shownAfter(exchange, await changedFunction(exchange, found, changed, isReady ? "now" : "later"));
}

async function updateImage(exchange: Exchange, found: FoundFunction): Promise<Reply> {
  const image = textIn(exchange.body, "ImageUri");
  if (image === undefined) throw invalidParameter("Please provide ImageUri when updating a function with packageType Image.");
  if (flagIn(exchange.body, "DryRun"))
    return jsonReply(status.ok, renderConfiguration(exchange.context, { ...found, version: null }));
  parseReference(image);
  const changed = (fn: Fn): Fn => ({ ...fn, source: { ...fn.source, type: "image", image } });
  return await shownAfter(exchange, await changedFunction(exchange, found, changed, "later"));
}

export async function updateConfiguration(exchange: Exchange): Promise<Reply> {
  const { context, body } = exchange;
  const found = await unqualified(exchange);
  checkRevision(found.fn, body);
  checkSettled(exchange, found);
  const settings = readSettings(body, context);
  const layers = await layersIn(exchange);
  const after = withLayers(withSettings(found.fn, settings), layers);
  if (layers !== undefined) await checkLayers(exchange, after.source, layers);
  // Packages are those of a kind.
  const made = after.source.type === "code" && settings.runtime !== undefined ? await withPackages(exchange, after.source) : null;
  const changed = await changedFunction(
    exchange,
    found,
    (fn) => ({ ...withLayers(withSettings(fn, settings), layers), ...(made === null ? {} : { source: made.source }) }),
    readinessOf(made, after.source),
  );
  return jsonReply(status.ok, renderConfiguration(context, { ...changed, version: null }));
}

/** An image is looked up for each revision. */
function readinessOf(made: { readonly isReady: boolean } | null, source: Source): Readiness {
  if (made !== null) return made.isReady ? "now" : "later";
  return source.type === "image" ? "later" : "as before";
}

export async function removeFunction(exchange: Exchange): Promise<Reply> {
  const { context, namespace } = exchange;
  const found = await functionNamed(exchange);
  const { fn } = found;
  const { qualifier } = exchange.function;
  if (qualifier === latest) throw invalidParameter("$LATEST version cannot be deleted without deleting the function.");
  if (qualifier !== null) await removeVersion(exchange, found, qualifier);
  else {
    await context.store.functions.remove(namespace, fn.id);
    context.readying.drop(fn.id);
    context.reserved.set(fn, null);
    context.changed({ namespace, functionId: fn.id, revisions: [] });
  }
  return jsonReply(status.ok, {});
}

/** One that an alias leads to stays. */
async function removeVersion(exchange: Exchange, { fn, app }: FoundFunction, qualifier: string): Promise<void> {
  const { context } = exchange;
  const version = Number(qualifier);
  const arn = arnOf(context.identity, shownName(app?.name ?? null, fn.name), qualifier);
  const left = await context.notes.change(fn, (notes) => {
    if (!notes.versions.some((each) => each.version === version)) throw functionNotFound(arn);
    if (notes.aliases.some((alias) => alias.version === version || alias.other?.version === version))
      throw conflict(
        `Unable to delete version because the following aliases reference it: [${aliasesOf(notes.aliases, version)}]`,
      );
    return { ...notes, versions: notes.versions.filter((each) => each.version !== version) };
  });
  noted(exchange, fn, left);
}

function aliasesOf(aliases: readonly { name: string; version: number | null }[], version: number): string {
  return aliases
    .filter((alias) => alias.version === version)
    .map(({ name }) => name)
    .join(", ");
}
