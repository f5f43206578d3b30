import { nearest } from "../../lib/nearest.ts";
import type { Failure } from "../failure.ts";
import { type Schema, schemaOf } from "./schemas.ts";
import { type Problem, problemsOf } from "./validate.ts";
import type { Path, YamlFile } from "./yaml-file.ts";

/** Checks values of a file against a schema. Throws the `Failure` that says most. */
export function checkOf<T>(name: Parameters<typeof schemaOf>[0]): (file: YamlFile, value: unknown) => T {
  return (file, value) => {
    const [problem] = problemsOf(schemaOf(name), value).toSorted((a, b) => rank(a) - rank(b));
    if (problem !== undefined) throw complaint(file, problem);
    return value as T;
  };
}

/** A key that a schema does not have. */
export interface UnknownKey {
  readonly path: Path;
  readonly key: string;
  /** The known key that it resembles. */
  readonly meant: string | undefined;
}

/** Every key of a value, at any depth, that a schema with closed maps does not name. Maps without named keys take any. */
export function unknownKeys(schema: Schema, value: unknown, path: Path = []): UnknownKey[] {
  const { properties, items } = schema;
  if (Array.isArray(value)) return items === undefined ? [] : value.flatMap((item, i) => unknownKeys(items, item, [...path, i]));
  if (properties === undefined || typeof value !== "object" || value === null) return [];
  const known = Object.keys(properties);
  return Object.entries(value).flatMap(([key, below]) => {
    const inside = properties[key];
    if (inside !== undefined) return unknownKeys(inside, below, [...path, key]);
    return [{ path: [...path, key], key, meant: nearest(key, known) }];
  });
}

/** An unknown key comes before a missing one, and before what it may have been meant for. */
function rank({ kind }: Problem): number {
  return kind === "unknown" ? 0 : kind === "none" ? 1 : 2;
}

function complaint(file: YamlFile, problem: Problem): Failure {
  const { path, value } = problem;
  const name = path.join(".");
  switch (problem.kind) {
    case "unknown": {
      const { key, known } = problem;
      const meant = nearest(key, known);
      const why = meant === undefined ? `The keys here are ${known.join(", ")}` : `did you mean ${meant}?`;
      return file.failure([...path, key], "key", `${JSON.stringify(key)} is not a key here`, why);
    }
    case "missing":
      return file.failure(path, "key", `${name === "" ? "The file" : name} has no ${problem.key}`);
    case "word": {
      const { known } = problem;
      const meant = nearest(String(value), known);
      const what = `${name} is ${shown(value)}, must be one of ${known.join(", ")}`;
      return file.failure(path, "value", what, meant && `did you mean ${meant}?`);
    }
    case "none":
      return file.failure(path, "value", `${name} is ${shown(value)}, must be ${problem.of.map(alternative).join(" or ")}`);
    case "bound":
      return file.failure(path, "value", `${name} is ${shown(value)}, ${problem.must}`);
  }
}

function alternative({ type, enum: words }: Schema): string {
  return words?.join(" or ") ?? (type === "array" ? "a list" : `a ${type}`);
}

/** Values of config may be secret. */
function shown(value: unknown): string {
  if (value !== null && typeof value === "object") return Array.isArray(value) ? "a list" : "a map";
  return JSON.stringify(value)?.slice(0, 60) ?? "nothing";
}
