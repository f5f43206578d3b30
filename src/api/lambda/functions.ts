/** Functions: made, read, listed, changed and removed. */
import { abortSignalOf } from "../../lib/cancel.ts";
import { asPlatformError } from "../../model/error.ts";
import { deliveryDefaults, fnDefaults } from "../../model/fn-defaults.ts";
import type { Fn, Source } from "../../model/model.ts";
import { archiveIn, type Archive } from "./archive.ts";
import { announce, changedFunction, checkRevision, noted } from "./change.ts";
import { codeLink } from "./code-link.ts";
import { renderConfiguration, type Shown } from "./configuration.ts";
import { changedMeanwhile, conflict, functionNotFound, invalidParameter, status } from "./errors.ts";
import { flagIn, type Json, objectIn, textIn } from "./fields.ts";
import { lambdaLimits } from "./limits.ts";
import { metaOf, withMeta } from "./meta.ts";
import { arnOf, latest, newName, shownName } from "./names.ts";
import type { Exchange } from "./exchange.ts";
import { jsonReply, type Reply } from "./reply.ts";
import { readSettings, type Settings, withSettings } from "./settings.ts";
import { type FoundFunction, functionNamed, unqualified } from "./found.ts";
import { checkedTags } from "./tags.ts";
import { published, versionQualified } from "./versions.ts";

export async function createFunction(exchange: Exchange): Promise<Reply> {
  const { context, namespace, body } = exchange;
  const { store, world } = context;
  const name = newName(body["FunctionName"], context.identity);
  const tags = checkedTags(body["Tags"]);
  const settings = readSettings(body, context.images.kinds);
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
  const fn = await created(
    exchange,
    withSettings(blank, made.isImage ? { ...settings, runtime: undefined, handler: undefined } : settings),
  );
  if (Object.keys(tags).length > 0) await context.notes.change(fn, (notes) => ({ ...notes, tags }));
  announce(exchange, fn, null);
  return await shownAfter(exchange, { fn, app: null }, status.created);
}

/** The version that was just published, or the function as it is. */
async function shownAfter(exchange: Exchange, { fn, app }: FoundFunction, number: number = status.ok): Promise<Reply> {
  const version = flagIn(exchange.body, "Publish") ? await published(exchange.context, fn, "") : null;
  return jsonReply(number, renderConfiguration(exchange.context.identity, { fn, app, version }));
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
}

/** The code of a new function, stored, with the packages that it names. */
async function sourceOf(exchange: Exchange, code: Json, { runtime, handler }: Settings, body: Json): Promise<Made> {
  const image = textIn(code, "ImageUri");
  const packageType = textIn(body, "PackageType") ?? "Zip";
  if (packageType === "Image") {
    if (image === undefined) throw invalidParameter("Please provide ImageUri when updating a function with packageType Image.");
    return { source: { type: "image", image }, protocol: "runtime-api", codeBytes: 0, isImage: true };
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
  return { source: await withPackages(exchange, source), protocol, codeBytes: archive.bytes.length, isImage: false };
}

type CodeSource = Extract<Source, { type: "code" }>;

async function stored({ context }: Exchange, { bytes }: Archive): Promise<string> {
  try {
    return (await context.images.addCode({ bytes, fileName: null, keep: true })).digest;
  } catch (thrown) {
    const { code, message } = asPlatformError(thrown);
    if (code !== "invalid") throw thrown;
    throw invalidParameter(`Could not unzip uploaded file. Please check your file, then try to upload again. (${message})`);
  }
}

async function withPackages({ context, namespace, request }: Exchange, source: CodeSource): Promise<CodeSource> {
  const { dependencies: _before, ...bare } = source;
  const dependencies = await context.install?.(bare, namespace, abortSignalOf(request.signal));
  return dependencies === undefined || dependencies === null ? bare : { ...bare, dependencies };
}

export async function getFunction(exchange: Exchange): Promise<Reply> {
  const shown = await shownFunction(exchange);
  const { fn } = shown;
  const { tags } = await exchange.context.notes.of(fn);
  const { source } = fn;
  const Code =
    source.type === "image" && source.digest === undefined
      ? { RepositoryType: "ECR", ImageUri: source.image, ResolvedImageUri: source.image }
      : { RepositoryType: "S3", Location: codeLink(exchange.context, exchange.request, fn) };
  return jsonReply(status.ok, {
    Configuration: renderConfiguration(exchange.context.identity, shown),
    Code,
    ...(Object.keys(tags).length === 0 ? {} : { Tags: tags }),
  });
}

export async function getConfiguration(exchange: Exchange): Promise<Reply> {
  return jsonReply(status.ok, renderConfiguration(exchange.context.identity, await shownFunction(exchange)));
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
  if (before.type === "image" && before.digest === undefined) return await updateImage(exchange, found);
  if (before.type !== "code")
    throw invalidParameter("The code of this function can't be changed by a zip: it is not code for a runtime");
  const archive = archiveIn(body);
  const digest = await stored(exchange, archive);
  const source = await withPackages(exchange, { ...before, digest });
  const dryRun = flagIn(body, "DryRun");
  const changed = (fn: Fn): Fn => {
    if (fn.source.type !== "code") throw changedMeanwhile();
    const { dependencies: _old, ...kept } = fn.source;
    const packages = source.dependencies === undefined ? {} : { dependencies: source.dependencies };
    const annotations = withMeta(fn.annotations, { ...metaOf(fn), codeBytes: archive.bytes.length });
    return { ...fn, source: { ...kept, digest, ...packages }, annotations };
  };
  if (dryRun)
    return jsonReply(
      status.ok,
      renderConfiguration(exchange.context.identity, { fn: changed(found.fn), app: found.app, version: null }),
    );
  return await shownAfter(exchange, await changedFunction(exchange, found, changed));
}

async function updateImage(exchange: Exchange, found: FoundFunction): Promise<Reply> {
  const image = textIn(exchange.body, "ImageUri");
  if (image === undefined) throw invalidParameter("Please provide ImageUri when updating a function with packageType Image.");
  return await shownAfter(
    exchange,
    await changedFunction(exchange, found, (fn) => ({ ...fn, source: { type: "image", image } })),
  );
}

export async function updateConfiguration(exchange: Exchange): Promise<Reply> {
  const { context, body } = exchange;
  const found = await unqualified(exchange);
  checkRevision(found.fn, body);
  const settings = readSettings(body, context.images.kinds);
  const after = withSettings(found.fn, settings);
  // Packages are those of a kind.
  const source =
    after.source.type === "code" && settings.runtime !== undefined ? await withPackages(exchange, after.source) : null;
  const changed = await changedFunction(exchange, found, (fn) => ({
    ...withSettings(fn, settings),
    ...(source === null ? {} : { source }),
  }));
  return jsonReply(status.ok, renderConfiguration(context.identity, { ...changed, version: null }));
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
