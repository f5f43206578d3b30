/** New revisions of functions. */
import { PlatformError } from "../../model/error.ts";
import type { FnNotes, FnVersion } from "../../model/fn-notes.ts";
import type { App, Fn } from "../../model/model.ts";
import { revisionIdOf } from "./configuration.ts";
import { changedMeanwhile, functionNotFound, wrongRevision } from "./errors.ts";
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

/** Writes a new revision: nobody's change is lost, and with a RevisionId nothing is changed that was changed meanwhile. */
export async function changedFunction(
  exchange: Exchange,
  { fn: read, app }: FoundFunction,
  change: (fn: Fn) => Fn,
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
    try {
      const written = await functions.update({
        ...change(fn),
        traffic: [],
        revision: fn.revision + 1,
        updatedAt: context.world.now(),
      });
      announce(exchange, written, app, (await context.notes.of(written)).versions);
      return { fn: written, app };
    } catch (error) {
      if (!(error instanceof PlatformError) || (error.code !== "conflict" && error.code !== "not_found")) throw error;
    }
  }
  throw changedMeanwhile();
}

/** Tells whoever remembers it. `versions`: revisions that may be called besides. */
export function announce({ context, namespace }: Exchange, fn: Fn, app: App | null, versions: readonly FnVersion[] = []): void {
  context.changed({ namespace, functionId: fn.id, revisions: revisionsOf(fn, versions) });
  context.expect?.(fn, app);
}

/** What is said about a function was changed, and with it which revisions are called or kept ready. */
export function noted({ context, namespace }: Exchange, fn: Fn, { versions }: FnNotes): void {
  context.changed({ namespace, functionId: fn.id, revisions: revisionsOf(fn, versions) });
}

/** Those that are called. */
function revisionsOf(fn: Fn, versions: readonly FnVersion[]): readonly number[] {
  return [fn.revision, ...versions.map(({ revision }) => revision)];
}
