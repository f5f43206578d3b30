/** The setting `stemCells`: which sandboxes wait for code, and how many. The shape is that of OpenWhisk's runtimes manifest. */
import { limits } from "../model/limits.ts";

/** How many stem cells of a kind and a memory size there are. */
export interface StemCellRule {
  readonly kind: string;
  readonly memoryMiB: number;
  /** At first, and always where `reactive` is null. */
  readonly count: number;
  readonly reactive: ReactiveRule | null;
}

/** How a number of stem cells follows what is asked for. */
export interface ReactiveRule {
  readonly min: number;
  readonly max: number;
  /** Those that nobody took for so long are given up. */
  readonly ttlMs: number;
  /** Calls of the last minute that would have taken one and found none, for each `increment` more. */
  readonly threshold: number;
  readonly increment: number;
}

const countMax = 1000;

/** One of this many at first, up to four times that when calls find none. */
function usual(kind: string, count: number): StemCellRule {
  const reactive = { min: count, max: 4 * count, ttlMs: 600_000, threshold: 1, increment: 1 };
  return { kind, memoryMiB: limits.memoryMiB.default, count, reactive };
}

/** None until a call has found none: of the memory that OpenWhisk's actions have, which not every server has any of. */
function onDemand(kind: string): StemCellRule {
  return { kind, memoryMiB: 256, count: 0, reactive: { min: 0, max: 4, ttlMs: 600_000, threshold: 1, increment: 1 } };
}

/** Kinds without a runtime have as many finished sandboxes as the rule says, which cost next to nothing. */
export const stemCellDefaults: readonly StemCellRule[] = [
  usual("nodejs:24", 2),
  usual("python:3.11", 1),
  usual("go:1", 2),
  onDemand("nodejs:24"),
  onDemand("python:3.11"),
];

/** Reads the setting's text: `none`, or JSON. Throws what completes "… is not usable: it". */
export function parseStemCells(text: string): readonly StemCellRule[] {
  if (text === "none") return [];
  const rules: unknown = parseJson(text);
  if (!Array.isArray(rules)) throw new Error(`is neither none nor a list such as ${sample}`);
  const read = rules.map(readRule);
  const names = read.map(({ kind, memoryMiB }) => `${kind} with ${memoryMiB} MiB`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`has ${twice} twice`);
  return read;
}

const sample = '[{"kind":"nodejs:24","memoryMiB":128,"count":2}]';

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readRule(value: unknown): StemCellRule {
  const fields = fieldsOf(value, "a rule", ["kind", "memoryMiB", "count", "reactive"]);
  const { kind, reactive } = fields;
  if (typeof kind !== "string" || kind === "") throw new Error('has a rule without "kind", such as "nodejs:24"');
  const { min, max } = limits.memoryMiB;
  return {
    kind,
    memoryMiB: whole(fields, "memoryMiB", min, max, limits.memoryMiB.default),
    count: whole(fields, "count", 0, countMax, undefined),
    reactive: reactive === undefined || reactive === null ? null : readReactive(reactive),
  };
}

function readReactive(value: unknown): ReactiveRule {
  const fields = fieldsOf(value, '"reactive"', ["min", "max", "ttlMs", "threshold", "increment"]);
  const min = whole(fields, "min", 0, countMax, 0);
  return {
    min,
    max: whole(fields, "max", min, countMax, undefined),
    ttlMs: whole(fields, "ttlMs", 1000, 86_400_000, 600_000),
    threshold: whole(fields, "threshold", 1, 1_000_000, 1),
    increment: whole(fields, "increment", 1, countMax, 1),
  };
}

function fieldsOf(value: unknown, what: string, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`has something as ${what} that is no object`);
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`has an unknown field ${JSON.stringify(unknown)} in ${what}`);
  return value as Readonly<Record<string, unknown>>;
}

function whole(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  min: number,
  max: number,
  usually: number | undefined,
): number {
  const value = fields[name] ?? usually;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`has a ${JSON.stringify(name)} that is not a whole number from ${min} to ${max}`);
}
