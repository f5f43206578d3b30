/** Versions: revisions with a number, which stay as they are for as long as they have it. */
import type { FnNotes, FnVersion } from "../../model/fn-notes.ts";
import type { Fn } from "../../model/model.ts";
import { renderConfiguration, type Shown } from "./configuration.ts";
import { functionNotFound, invalidParameter, status } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { textIn } from "./fields.ts";
import { checkRevision, checkSettled, noted } from "./change.ts";
import { arnIn, type FoundFunction, functionNamed } from "./found.ts";
import type { LambdaContext } from "./lambda.ts";
import { slice } from "./pages.ts";
import { latest } from "./names.ts";
import { jsonReply, type Reply } from "./reply.ts";
import { readDescription } from "./settings.ts";

export async function publishVersion(exchange: Exchange): Promise<Reply> {
  const { context, body } = exchange;
  const { fn, app } = await functionNamed(exchange);
  checkRevision(fn, body);
  checkSettled(exchange, { fn, app });
  const description = readDescription(body) ?? "";
  const hash = textIn(body, "CodeSha256");
  if (
    hash !== undefined &&
    hash !== (renderConfiguration(context, { fn, app, version: null }) as { CodeSha256: string }).CodeSha256
  )
    throw invalidParameter(
      `CodeSHA256 (${hash.slice(0, 60)}) is different from current CodeSHA256 in $LATEST. Please try again with the CodeSHA256 in $LATEST.`,
    );
  const version = await published(context, fn, description);
  return jsonReply(status.created, renderConfiguration(context, { fn, app, version }));
}

/** The version that this revision is: a new one, unless the last one that was published is the same revision. */
export async function published(context: LambdaContext, fn: Fn, description: string): Promise<FnVersion> {
  const { notes, world } = context;
  const changed = await notes.change(fn, (said) => {
    if (said.versions.at(-1)?.revision === fn.revision) return said;
    const version = said.lastVersion + 1;
    const made: FnVersion = { version, revision: fn.revision, description, createdAt: world.now() };
    return { ...said, lastVersion: version, versions: [...said.versions, made] };
  });
  noted({ context, namespace: fn.namespace }, fn, changed);
  return changed.versions.findLast(({ revision }) => revision === fn.revision) as FnVersion;
}

export async function listVersions(exchange: Exchange): Promise<Reply> {
  const { context, query } = exchange;
  const found = await functionNamed(exchange);
  const notes = await context.notes.of(found.fn);
  const { items, next } = slice([null, ...notes.versions], query);
  const shown = await Promise.all(items.map((version) => configurationAt(exchange, found, version)));
  return jsonReply(status.ok, { Versions: shown, ...next });
}

async function configurationAt({ context }: Exchange, { fn, app }: FoundFunction, version: FnVersion | null): Promise<object> {
  const at = version === null ? fn : await revisionOf(context, fn, version);
  return renderConfiguration(context, { fn: at, app, version, qualified: true });
}

async function revisionOf({ store }: LambdaContext, fn: Fn, { revision }: FnVersion): Promise<Fn> {
  return revision === fn.revision ? fn : ((await store.functions.revision(fn.namespace, fn.id, revision)) ?? fn);
}

/** What a qualifier shows: a version, an alias's version, or the function as it is. Throws `Refusal`. */
export async function versionQualified(exchange: Exchange, found: FoundFunction, qualifier: string): Promise<Shown> {
  const { context } = exchange;
  if (qualifier === latest) return { ...found, version: null, qualified: true };
  const notes = await context.notes.of(found.fn);
  const number = numberOf(notes, qualifier);
  if (number === null) return { ...found, version: null, qualified: true };
  const version = notes.versions.find((each) => each.version === number);
  if (version === undefined) throw functionNotFound(arnIn(context.identity, { ...exchange.function, qualifier }));
  return { fn: await revisionOf(context, found.fn, version), app: found.app, version };
}

/** Null: the newest revision; undefined: there is no such alias. */
function numberOf({ aliases }: FnNotes, qualifier: string): number | null | undefined {
  return /^\d+$/.test(qualifier) ? Number(qualifier) : aliases.find(({ name }) => name === qualifier)?.version;
}
