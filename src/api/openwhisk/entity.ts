/** What packages, triggers and rules have in common: how they are read, written and listed. */
import { PlatformError } from "../../model/error.ts";
import type { Annotations } from "../../model/model.ts";
import type { NamedRepository } from "../../store/store.ts";
import { changedMeanwhile, existsAlready, notThere } from "./errors.ts";
import { type Meta, metaOf, versionAt, versionOf, withMeta, withoutMeta } from "./meta.ts";
import { readAnnotations, renderAnnotations } from "./parameters.ts";
import { okReply } from "./ok-reply.ts";
import type { Reply } from "./reply.ts";
import { flag, listQuery } from "./query.ts";
import type { Exchange } from "./routes.ts";
import { readFlag, readVersion } from "./settings.ts";

const attemptsMax = 100;

/** What every body may say; what it leaves out is undefined. */
export interface Described {
  readonly annotations: Annotations | undefined;
  readonly publish: boolean | undefined;
  readonly version: Meta["version"] | undefined;
}

/** Throws `Refusal`. */
export function readDescribed({ annotations, publish, version }: Readonly<Record<string, unknown>>): Described {
  return {
    annotations: isAbsent(annotations) ? undefined : readAnnotations(annotations),
    publish: readFlag("publish", publish),
    version: readVersion(version),
  };
}

export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** The annotations of a new revision: those of the body replace all there were. `hidesPublish`: the model has no place for it. */
export function describedAnnotations(
  stored: Annotations,
  { annotations, publish, version }: Described,
  revision: number,
  hidesPublish = true,
): Annotations {
  const meta = metaOf({ annotations: stored });
  return withMeta(annotations ?? stored, {
    ...meta,
    publish: hidesPublish ? (publish ?? meta.publish) : false,
    version: version === undefined ? meta.version : versionAt(version, revision),
  });
}

interface Entity {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly annotations: Annotations;
  readonly revision: number;
  readonly updatedAt: number;
}

/** What all of them show. */
export function commonFields({ namespace, name, annotations, revision, updatedAt }: Entity) {
  const meta = metaOf({ annotations });
  return {
    namespace,
    name,
    version: versionOf(meta, revision),
    publish: meta.publish,
    annotations: renderAnnotations(withoutMeta(annotations)),
    updated: updatedAt,
  };
}

/** How a PUT makes one of what it says. Both may throw `Refusal`; they are asked again where somebody else wrote in between. */
export interface Change<T> {
  make(now: number): Promise<T>;
  merge(stored: T, now: number): Promise<T>;
}

/** Creates it, or with `overwrite` changes it: nobody's change is lost. */
export async function put<T extends Entity>(
  { context, namespace, name, query }: Exchange,
  repository: NamedRepository<T>,
  { make, merge }: Change<T>,
): Promise<T> {
  const overwrite = flag(query, "overwrite");
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const stored = await repository.getByName(namespace, name);
    if (stored !== undefined && !overwrite) throw existsAlready();
    const now = context.world.now();
    try {
      return stored === undefined ? await repository.create(await make(now)) : await repository.update(await merge(stored, now));
    } catch (error) {
      if (!isRace(error)) throw error;
    }
  }
  throw changedMeanwhile();
}

/** Somebody else wrote, or removed what was to be written. */
export function isRace(error: unknown): boolean {
  if (!(error instanceof PlatformError) || error.details["extension"] !== undefined) return false;
  return error.code === "conflict" || error.code === "not_found";
}

/** Throws `Refusal` where somebody else removed it before. */
export async function removed(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    throw error instanceof PlatformError && error.code === "not_found" ? notThere() : error;
  }
}

/** A list of a collection, the last changed first, or how many there are. */
export async function listed<T>(
  { query }: Pick<Exchange, "query">,
  collection: string,
  list: {
    latest(page: { readonly skip: number; readonly limit: number }): Promise<readonly T[]>;
    count(): Promise<number>;
    render(item: T): object;
  },
): Promise<Reply> {
  const { skip, limit, count } = listQuery(query, collection);
  if (count) return okReply({ [collection]: Math.max(0, (await list.count()) - skip) });
  return okReply((await list.latest({ skip, limit })).map((item) => list.render(item)));
}
