/** New revisions of functions. */
import { PlatformError } from "../../model/error.ts";
import type { FnNotes, FnReadying, FnVersion } from "../../model/fn-notes.ts";
import type { App, Fn } from "../../model/model.ts";
import { revisionIdOf } from "./configuration.ts";
import { changedMeanwhile, functionNotFound, inState, wrongRevision } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { type Json, textIn } from "./fields.ts";
import type { FoundFunction } from "./found.ts";
import { arnOf, shownName } from "./names.ts";

const attemptsMax = 100;

/** Throws `Refusal` where the caller means another state than there is. */
export function checkRevision(fn: Pick<Fn, "id" | "revision">, body: Json): void {
  const wanted = textIn(body, "RevisionId");
  if (wanted !== undefined && wanted !== "" && wanted !== revisionIdOf(fn)) throw wrongRevision();
}

/** What becomes of the new revision: it can be called at once, `later`, or it is `as` the one before in that. */
export type Readiness = "now" | "later" | "as before";

/** Throws `Refusal` while a revision is being made ready: nothing is changed then. */
export function checkSettled({ context }: Pick<Exchange, "context">, { fn, app }: FoundFunction): void {
  const waits = context.readying.waitsFor(fn.id);
  if (waits === null) return;
  throw waits.before === null
    ? inState("Pending")
    : changedMeanwhile(arnOf(context.identity, shownName(app?.name ?? null, fn.name)));
}

/**
 * Writes a new revision: nobody's change is lost, and with a RevisionId nothing is changed that was changed meanwhile. Until one can be called that is so
 * `later`, the one before has its calls.
 */
export async function changedFunction(
  exchange: Exchange,
  { fn: read, app }: FoundFunction,
  change: (fn: Fn) => Fn,
  readiness: Readiness = "as before",
): Promise<FoundFunction> {
  const { context, namespace, body } = exchange;
  const { functions } = context.store;
  for (
    let attempt = 0, fn: Fn | undefined = read;
    attempt < attemptsMax;
    attempt++, fn = await functions.get(namespace, read.id)
  ) {
    if (fn === undefined) throw functionNotFound(arnOf(context.identity, shownName(app?.name ?? null, read.name)));
    checkRevision(fn, body);
    checkSettled(exchange, { fn, app });
    const after = afterwards(exchange, fn, readiness);
    const changed: Fn = {
      ...change(fn),
      traffic: after === null || after.before === null ? [] : trafficOf(fn, after.before),
      revision: fn.revision + 1,
      updatedAt: context.world.now(),
    };
    try {
      const written = await writtenWith(exchange, changed, after, app);
      announce(exchange, written, app, (await context.notes.of(written)).versions);
      return { fn: written, app };
    } catch (error) {
      if (!(error instanceof PlatformError) || (error.code !== "conflict" && error.code !== "not_found")) throw error;
    }
  }
  throw changedMeanwhile(arnOf(context.identity, shownName(app?.name ?? null, read.name)));
}

async function writtenWith({ context }: Exchange, fn: Fn, after: FnReadying | null, app: App | null): Promise<Fn> {
  const { readying, store } = context;
  const before = readying.of({ id: fn.id, revision: fn.revision - 1 });
  if (after !== null) await readying.note(fn, after);
  let written: Fn;
  try {
    written = await store.functions.update(fn);
  } catch (error) {
    if (after !== null) await (before === null ? readying.forget(fn) : readying.note(fn, before)).catch(() => {});
    throw error;
  }
  if (after === null && before !== null) await readying.forget(fn);
  if (after?.failure === null) readying.begin(written, app);
  return written;
}

/** What is to be said of the next revision; null: it can be called. */
function afterwards({ context }: Exchange, fn: Fn, readiness: Readiness): FnReadying | null {
  const standing = context.readying.of(fn);
  if (readiness === "now" || (readiness === "as before" && standing === null)) return null;
  const revision = fn.revision + 1;
  if (readiness === "as before" && standing !== null) return { ...standing, revision };
  return { revision, before: standing === null ? fn.revision : standing.before, failure: null };
}

function trafficOf({ traffic }: Fn, before: number): Fn["traffic"] {
  return traffic.length > 0 ? traffic : [{ revision: before, weight: 1 }];
}

/** Tells whoever remembers it. `versions`: revisions that may be called besides. */
export function announce({ context, namespace }: Exchange, fn: Fn, app: App | null, versions: readonly FnVersion[] = []): void {
  context.changed({ namespace, functionId: fn.id, revisions: revisionsOf(fn, versions) });
  if (context.readying.of(fn) === null) context.expect?.(fn, app);
}

/** What is said about a function was changed, and with it which revisions are called or kept ready. */
export function noted({ context, namespace }: Pick<Exchange, "context" | "namespace">, fn: Fn, { versions }: FnNotes): void {
  context.changed({ namespace, functionId: fn.id, revisions: revisionsOf(fn, versions) });
}

/** Those that are called. */
function revisionsOf(fn: Fn, versions: readonly FnVersion[]): readonly number[] {
  return [fn.revision, ...fn.traffic.map(({ revision }) => revision), ...versions.map(({ revision }) => revision)];
}
