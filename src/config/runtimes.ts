/** The setting `runtimes`: which kinds of actions OpenWhisk's door offers, in the shape of OpenWhisk's own runtimes.json. */
import { readFileSync } from "node:fs";
import { limits } from "../model/limits.ts";
import type { ReactiveRule, StemCellRule } from "./stem-cells.ts";

/** One kind of a manifest. */
export interface RuntimeEntry {
  readonly family: string;
  readonly kind: string;
  readonly isDefault: boolean;
  /** What there is of it may be read and removed, and no more. */
  readonly isDeprecated: boolean;
  readonly requiresMain: boolean;
  /** What runs it where there is no such kind here; null: nothing is said of that. */
  readonly image: string | null;
  readonly stemCells: readonly StemCellRule[];
}

/** Empty: nobody has said anything. */
export type RuntimesManifest = readonly RuntimeEntry[];

/** Reads the setting's text: empty, JSON, or the name of a file with it. Throws what completes "… is not usable: it". */
export function parseRuntimes(text: string): RuntimesManifest {
  const given = text.trim();
  if (given === "") return [];
  const { runtimes } = objectOf(parseJson(given.startsWith("{") ? given : readText(given)), "the manifest");
  const families = Object.entries(objectOf(runtimes, '"runtimes"'));
  return families.flatMap(([family, entries]) => readFamily(family, entries));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error("is no JSON", { cause: error });
  }
}

function readFamily(family: string, given: unknown): RuntimeEntry[] {
  if (!Array.isArray(given) || given.length === 0) throw new Error(`has no list of kinds for ${JSON.stringify(family)}`);
  const entries = given.map((entry: unknown) => readEntry(family, entry));
  const defaults = entries.filter(({ isDefault }) => isDefault).length;
  if (defaults !== 1) throw new Error(`has ${defaults} defaults in the family ${JSON.stringify(family)}, must have one`);
  return entries;
}

function readEntry(family: string, given: unknown): RuntimeEntry {
  const { kind, image, stemCells, ...flags } = objectOf(given, `a kind of ${JSON.stringify(family)}`);
  if (typeof kind !== "string" || !/^[a-z][\w.-]*:[\w.-]+$/.test(kind))
    throw new Error(`has something as "kind" in the family ${JSON.stringify(family)} that is not NAME:VERSION`);
  return {
    family,
    kind,
    isDefault: flagOf(kind, flags, "default"),
    isDeprecated: flagOf(kind, flags, "deprecated"),
    requiresMain: flagOf(kind, flags, "requireMain"),
    image: image === undefined || image === null ? null : readImage(kind, image),
    stemCells: stemCells === undefined || stemCells === null ? [] : listOf(kind, stemCells).map((cell) => readCell(kind, cell)),
  };
}

function readImage(kind: string, given: unknown): string {
  const { registry, prefix, name, tag } = objectOf(given, `the image of ${kind}`);
  if (typeof name !== "string" || name === "") throw new Error(`has an image of ${kind} without a name`);
  const path = [registry, prefix, name].filter((part) => typeof part === "string" && part !== "").join("/");
  return typeof tag === "string" && tag !== "" ? `${path}:${tag}` : path;
}

function listOf(kind: string, given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given;
  throw new Error(`has "stemCells" of ${kind} that are no list`);
}

function readCell(kind: string, given: unknown): StemCellRule {
  const { initialCount, memory, reactive } = objectOf(given, `a stem cell of ${kind}`);
  const count = countOf(kind, "initialCount", initialCount);
  return { kind, memoryMiB: readMemory(kind, memory), count, reactive: reactive ? readReactive(kind, reactive) : null };
}

function readReactive(kind: string, given: unknown): ReactiveRule {
  const { minCount, maxCount, ttl, threshold, increment } = objectOf(given, `"reactive" of ${kind}`);
  return {
    min: countOf(kind, "minCount", minCount),
    max: countOf(kind, "maxCount", maxCount),
    ttlMs: readDuration(kind, ttl),
    threshold: Math.max(1, countOf(kind, "threshold", threshold ?? 1)),
    increment: Math.max(1, countOf(kind, "increment", increment ?? 1)),
  };
}

/** `256 MB`, as OpenWhisk means it. */
function readMemory(kind: string, given: unknown): number {
  const [, digits = "", unit = ""] = /^(\d{1,6})\s*(m|mb|g|gb)$/i.exec(typeof given === "string" ? given.trim() : "") ?? [];
  const memoryMiB = Number(digits) * (unit.toLowerCase().startsWith("g") ? 1024 : 1);
  const { min, max } = limits.memoryMiB;
  if (digits !== "" && memoryMiB >= min && memoryMiB <= max) return memoryMiB;
  throw new Error(`has a stem cell of ${kind} whose memory is not such as "256 MB", from ${min} to ${max} MB`);
}

const msByUnit: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `2 minutes`, as OpenWhisk means it. */
function readDuration(kind: string, given: unknown): number {
  const [, digits = "", unit = ""] =
    /^(\d{1,6})\s*(s|m|h|d)(?:ec(?:ond)?s?|in(?:ute)?s?|our?s?|ay?s?)?$/i.exec(typeof given === "string" ? given.trim() : "") ??
    [];
  const ms = Number(digits) * (msByUnit[unit.toLowerCase()] ?? 0);
  if (ms >= 1000 && ms <= 86_400_000) return ms;
  throw new Error(`has a "ttl" of ${kind} that is not such as "2 minutes", from a second to a day`);
}

function countOf(kind: string, name: string, given: unknown): number {
  if (typeof given === "number" && Number.isInteger(given) && given >= 0 && given <= 1000) return given;
  throw new Error(`has a "${name}" of ${kind} that is not a whole number from 0 to 1000`);
}

function flagOf(kind: string, flags: Readonly<Record<string, unknown>>, name: string): boolean {
  const value = flags[name] ?? false;
  if (typeof value === "boolean") return value;
  throw new Error(`has a "${name}" of ${kind} that is neither true nor false`);
}

function objectOf(given: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return given as Readonly<Record<string, unknown>>;
  throw new Error(`has something as ${what} that is no object`);
}
