import { readFileSync } from "node:fs";

/** Of the current version of `func.yaml`. */
export const schemaVersion = 20_180_708;

/** A document of draft 7, as far as it is read here. */
export interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

const read = new Map<string, Schema>();

/**
 * A schema for editors, which is the one that the client checks with: read from its file, because making it of its parts
 * (`schema.ts`, `func-schema.ts`) loads a library that takes longer than all else of a short command.
 */
export function schemaOf(name: "kiln" | "func" | "app" | "test" | "manifest"): Schema {
  const known = read.get(name);
  if (known !== undefined) return known;
  const schema = JSON.parse(readFileSync(new URL(`../../../schemas/${name}.schema.json`, import.meta.url), "utf8")) as Schema;
  read.set(name, schema);
  return schema;
}

/** A schema as a document for editors. */
export function draft7(schema: object): object {
  const plain = JSON.parse(JSON.stringify(schema)) as object;
  return { $schema: "http://json-schema.org/draft-07/schema#", ...plain };
}

/** Names of what may be said of a function in `kiln.yaml`. */
export function functionKeys(): readonly string[] {
  const [fn] = Object.values(schemaOf("kiln").properties?.["functions"]?.patternProperties ?? {});
  return Object.keys(fn?.properties ?? {});
}

/** How the description of a key begins that Fn reads and that changes nothing here. */
export const idlePrefix = "No meaning here: ";

/** Those keys of `func.yaml`, with dots between them. */
export function idleKeys(): readonly string[] {
  return idleIn(schemaOf("func"), "");
}

function idleIn({ properties = {} }: Schema, above: string): string[] {
  return Object.entries(properties).flatMap(([key, schema]) =>
    schema.description?.startsWith(idlePrefix) === true ? [above + key] : idleIn(schema, `${above}${key}.`),
  );
}
