/** Actions that are sequences of other actions: `exec.components` on the wire, names in the model. */
import type { Definition } from "../../invocation/definitions.ts";
import { asPlatformError, type PlatformError } from "../../model/error.ts";
import { type FunctionName, namedPath } from "../../model/function-name.ts";
import { limits } from "../../model/limits.ts";
import type { Fn, Source } from "../../model/model.ts";
import { badRequest, malformed, notEntitled } from "./errors.ts";
import { referenceOf } from "./names.ts";
import type { WskContext } from "./openwhisk.ts";

export type SequenceSource = Extract<Source, { type: "sequence" }>;

export const sequenceKind = "sequence";

/** What a body's `exec` says of a sequence; undefined where it is none. Throws `Refusal`. */
export function readSequence(exec: unknown, namespace: string): SequenceSource | undefined {
  const { kind, components } = (exec ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof kind !== "string" || kind.trim().toLowerCase() !== sequenceKind) return undefined;
  if (components === undefined || components === null) throw malformed("'components' must be defined for sequence kind");
  if (!Array.isArray(components)) throw malformed("'components' must be an array");
  return { type: "sequence", components: components.map((each: unknown) => referenceOf(each, namespace)) };
}

/** As the wire has it. */
export function renderSequence(source: SequenceSource): object {
  return { kind: sequenceKind, components: pathsOf(source), binary: false };
}

/** A sequence has no parameters of its own but this one. */
export function sequenceParameters(source: SequenceSource): Fn["parameters"] {
  return { _actions: pathsOf(source) };
}

function pathsOf({ components }: SequenceSource): string[] {
  return components.map((each) => `/${namedPath(each)}`);
}

/**
 * The caller may call all components, there are not too many, those in sequences among them counted, and none of them is `self`. Throws `Refusal`.
 * `id`: of what is there by that name; undefined: nothing is.
 */
export async function checkSequence(
  context: Pick<WskContext, "definition">,
  { components }: SequenceSource,
  self: FunctionName,
  id: string | undefined,
): Promise<void> {
  const { namespace } = self;
  const found = await permitted(context, namespace, components);
  if (components.length > stepsMax) throw tooMany();
  if (components.length === 0) throw badRequest("No component specified for the sequence.");
  const walk = { context, namespace, self: namedPath(self), id, left: stepsMax, visits: 0 };
  for (const [index, component] of components.entries()) await count(walk, component, found[index] as Found);
}

/**
 * Whoever calls a sequence may call its components: throws, or rejects with, `Refusal`. Undefined where there is nothing to ask: those of one's own namespace
 * are looked up when their turn comes.
 */
export function checkComponents(
  context: Pick<WskContext, "definition">,
  namespace: string,
  source: Source,
): Promise<unknown> | undefined {
  if (source.type !== "sequence") return undefined;
  const foreign = source.components.filter((each) => each.namespace !== namespace);
  return foreign.length === 0 ? undefined : permitted(context, namespace, foreign);
}

/** What there is of them. Throws `Refusal` where some are somebody else's. */
async function permitted(
  context: Pick<WskContext, "definition">,
  namespace: string,
  components: readonly FunctionName[],
): Promise<readonly Found[]> {
  const found = await Promise.all(components.map((each) => componentNamed(context, namespace, each)));
  const refused = components.filter((_, index) => isForbidden(found[index] as Found)).map(namedPath);
  if (refused.length > 0) throw notEntitled([...new Set(refused)].toSorted().join(", "));
  return found;
}

const { stepsMax } = limits.flow;
/** Sequences of sequences have more components to look at than they have steps; two that are made at once may get round the check of each. */
const visitsMax = 20 * stepsMax;

const tooMany = () => badRequest("Too many actions in the sequence.");

interface Walk {
  readonly context: Pick<WskContext, "definition">;
  readonly namespace: string;
  readonly self: string;
  readonly id: string | undefined;
  /** Steps that there may be more. */
  left: number;
  visits: number;
}

type Found = Definition | PlatformError;

async function count(walk: Walk, component: FunctionName, found: Found): Promise<void> {
  if (namedPath(component) === walk.self) throw refersToItself();
  if (!("fn" in found)) return countUnknown(walk, found);
  const { id, source } = found.fn;
  if (id === walk.id) throw refersToItself();
  if (source.type !== "sequence") return countStep(walk);
  for (const each of source.components) {
    if (++walk.visits > visitsMax) throw tooMany();
    await count(walk, each, await componentNamed(walk.context, walk.namespace, each));
  }
}

/** What somebody else's sequence is made of may be nobody's business. */
function countUnknown(walk: Walk, error: PlatformError): void {
  if (error.code === "not_found") throw badRequest("Sequence component does not exist.");
  if (!isForbidden(error)) throw error;
  countStep(walk);
}

function countStep(walk: Walk): void {
  if (--walk.left < 0) throw tooMany();
}

const refersToItself = () => badRequest("Sequence may not refer to itself.");

async function componentNamed(
  { definition }: Pick<WskContext, "definition">,
  own: string,
  { namespace, app, name }: FunctionName,
): Promise<Found> {
  try {
    return await definition(own, { by: "name", app, name, provider: namespace === own ? undefined : namespace });
  } catch (error) {
    return asPlatformError(error);
  }
}

function isForbidden(found: Found): boolean {
  return !("fn" in found) && found.code === "forbidden";
}
