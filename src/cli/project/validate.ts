import type { Schema } from "./schemas.ts";
import type { Path } from "./yaml-file.ts";

/** What is wrong with one value, in the order in which people should hear of it. */
export type Problem = { readonly path: Path; readonly value: unknown } & (
  | { readonly kind: "unknown"; readonly key: string; readonly known: readonly string[] }
  | { readonly kind: "missing"; readonly key: string }
  | { readonly kind: "word"; readonly known: readonly string[] }
  | { readonly kind: "none"; readonly of: readonly Schema[] }
  | { readonly kind: "bound"; readonly must: string }
);

/**
 * Everything in a value that a schema does not allow; as much of JSON Schema as ours use. Own, because a library for all of it takes longer to
 * load and to prepare than a deploy to run.
 */
export function problemsOf(schema: Schema, value: unknown, path: Path = []): Problem[] {
  const bound = (must: string): Problem[] => [{ kind: "bound", path, value, must }];
  if (schema.type !== undefined && !isOf(schema.type, value)) return bound(`must be ${schema.type}`);
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return [{ kind: "word", path, value, known: schema.enum.map(String) }];
  if (schema.anyOf !== undefined) {
    const fits = schema.anyOf.some((each) => problemsOf(each, value, path).length === 0);
    return fits ? [] : [{ kind: "none", path, value, of: schema.anyOf }];
  }
  if (typeof value === "number") return boundsOf(schema, value).flatMap(bound);
  if (typeof value === "string") return textBounds(schema, value).flatMap(bound);
  if (Array.isArray(value)) return [...listBounds(schema, value).flatMap(bound), ...itemProblems(schema, value, path)];
  return typeof value === "object" && value !== null ? keyProblems(schema, value as Readonly<Record<string, unknown>>, path) : [];
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function boundsOf({ minimum, maximum }: Schema, value: number): string[] {
  if (minimum !== undefined && value < minimum) return [`must be >= ${minimum}`];
  return maximum !== undefined && value > maximum ? [`must be <= ${maximum}`] : [];
}

function textBounds({ minLength = 0, pattern }: Schema, value: string): string[] {
  if (value.length < minLength) return [`must NOT have fewer than ${minLength} characters`];
  return pattern !== undefined && !new RegExp(pattern, "u").test(value) ? [`must match pattern "${pattern}"`] : [];
}

function listBounds({ minItems = 0, maxItems }: Schema, { length }: readonly unknown[]): string[] {
  if (length < minItems) return [`must NOT have fewer than ${minItems} items`];
  return maxItems !== undefined && length > maxItems ? [`must NOT have more than ${maxItems} items`] : [];
}

function itemProblems({ items }: Schema, value: readonly unknown[], path: Path): Problem[] {
  return items === undefined ? [] : value.flatMap((item, i) => problemsOf(items, item, [...path, i]));
}

function keyProblems(schema: Schema, value: Readonly<Record<string, unknown>>, path: Path): Problem[] {
  const { properties = {}, required = [], additionalProperties, minProperties = 0 } = schema;
  const missing = required
    .filter((key) => value[key] === undefined)
    .map((key): Problem => ({ kind: "missing", path, value, key }));
  const few: Problem[] =
    Object.keys(value).length < minProperties
      ? [{ kind: "bound", path, value, must: `must NOT have fewer than ${minProperties} properties` }]
      : [];
  const [each] = Object.values(schema.patternProperties ?? {});
  const inside = Object.entries(value).flatMap(([key, below]): Problem[] => {
    const known = Object.hasOwn(properties, key) ? properties[key] : each;
    if (known !== undefined) return problemsOf(known, below, [...path, key]);
    return additionalProperties === false ? [{ kind: "unknown", path, value, key, known: Object.keys(properties) }] : [];
  });
  return [...missing, ...few, ...inside];
}
