import { nearest } from "../../lib/nearest.ts";
import type { Path } from "../project/yaml-file.ts";
import type { Values } from "./manifest.ts";
import type { Reading } from "./reading.ts";

type TypeName = "string" | "integer" | "float" | "boolean" | "json";

const zeros: Readonly<Record<TypeName, unknown>> = { string: "", integer: 0, float: 0, boolean: false, json: {} };
const typeNames = Object.keys(zeros);
const isTypeName = (text: unknown): text is TypeName => typeof text === "string" && Object.hasOwn(zeros, text);

/** Keys of an input that is described, and not a value itself. */
const descriptionKeys = new Set(["type", "description", "value", "default", "required", "status", "schema"]);

interface Described {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly default?: unknown;
  readonly required?: unknown;
}

interface Input {
  readonly value: unknown;
  readonly type: TypeName;
  readonly required: boolean;
  /** Nobody said a value. */
  readonly isZero: boolean;
}

/**
 * Inputs as parameters: a value, a type (its zero value), or described. What the command line gives comes first, then the deployment's file
 * (`over`), then the manifest; text that is a variable which is not set is the input of that name of what is around (`outer`). Throws a
 * `Failure`.
 */
export function readInputs(reading: Reading, path: Path, given: Values = {}, outer: Values = {}, over: Values = {}): Values {
  const inputs = inputsIn(reading, path, given, outer);
  checkRequired(reading, path, inputs, over);
  return { ...valuesOf(inputs), ...over, ...parametersOf(reading, inputs, over) };
}

/** Those of a package, and of the project around it. Where nobody said a value, it is a variable of the input's own name. */
export function readPackageInputs(
  reading: Reading,
  path: Path,
  given: Values = {},
  outer: Values = {},
  over: Values = {},
): Values {
  const inputs = inputsIn(reading, path, given, outer).map(([name, input]): Named => {
    const variable = input.isZero ? reading.variable(name) : undefined;
    if (variable === undefined) return [name, input];
    return [name, { ...input, value: converted(reading, [...path, name], variable, input.type), isZero: variable === "" }];
  });
  checkRequired(reading, path, inputs, over);
  return { ...outer, ...valuesOf(inputs), ...parametersOf(reading, inputs, outer) };
}

type Named = readonly [name: string, input: Input];

function inputsIn(reading: Reading, path: Path, given: Values, outer: Values): Named[] {
  return Object.entries(given).map(([name, value]) => [name, readInput(reading, [...path, name], value, outer)]);
}

function valuesOf(inputs: readonly Named[]): Values {
  return Object.fromEntries(inputs.map(([name, { value }]) => [name, value]));
}

/** What the command line says of inputs, as values of their types, and of others that there are, as text. */
function parametersOf(reading: Reading, inputs: readonly Named[], others: Values): Values {
  const { parameters } = reading;
  const own = inputs.filter(([name]) => Object.hasOwn(parameters, name));
  const rest = Object.keys(others).filter((name) => Object.hasOwn(parameters, name));
  return {
    ...Object.fromEntries(rest.map((name) => [name, parameters[name]])),
    ...Object.fromEntries(own.map(([name, { type }]) => [name, converted(reading, [], parameters[name] as string, type)])),
  };
}

function checkRequired(reading: Reading, path: Path, inputs: readonly Named[], over: Values): void {
  const isGiven = (name: string) => Object.hasOwn(reading.parameters, name) || Object.hasOwn(over, name);
  const missing = inputs.filter(([name, input]) => input.required && input.isZero && !isGiven(name)).map(([name]) => name);
  if (missing.length > 0) throw valueless(reading, path, missing);
}

function readInput(reading: Reading, path: Path, given: unknown, outer: Values): Input {
  const described = isDescribed(given) ? (given as Described) : null;
  if (described === null && isTypeName(given)) return zero(given, false);
  const type = described === null ? null : typeIn(reading, path, described);
  const at = described === null ? path : [...path, described.value === undefined ? "default" : "value"];
  const raw = described === null ? given : (described.value ?? described.default);
  const required = described?.required === true;
  if (raw === undefined || raw === null) return zero(type ?? "string", required);
  if (typeof raw !== "string") return { type: type ?? typeOf(raw), value: nested(reading, at, raw), required, isZero: false };
  const value = inherited(reading, raw, outer) ?? converted(reading, at, raw, type ?? "string");
  return { type: type ?? "string", value, required, isZero: value === zeros[type ?? "string"] };
}

function typeOf(value: unknown): TypeName {
  if (typeof value === "boolean") return "boolean";
  return typeof value === "number" ? "float" : "json";
}

/** What is around has it, and no variable does; undefined: not so. */
function inherited(reading: Reading, raw: string, outer: Values): unknown {
  const name = /^\$\{?([A-Za-z_]\w*)\}?$/.exec(raw)?.[1];
  if (name === undefined || (reading.variable(name) ?? "") !== "" || !Object.hasOwn(outer, name)) return undefined;
  return outer[name];
}

function zero(type: TypeName, required: boolean): Input {
  return { type, value: zeros[type], required, isZero: true };
}

function isDescribed(given: unknown): boolean {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return false;
  const keys = Object.keys(given);
  return keys.length > 0 && keys.every((key) => descriptionKeys.has(key));
}

function typeIn(reading: Reading, path: Path, { type }: Described): TypeName | null {
  if (type === undefined || type === null) return null;
  if (isTypeName(type)) return type;
  const meant = nearest(String(type), typeNames);
  throw reading.failure(
    [...path, "type"],
    "value",
    `${JSON.stringify(type)} is no type of an input`,
    `The types are ${typeNames.join(", ")}`,
    meant && `did you mean ${meant}?`,
  );
}

/** Text of a file or of a variable as a value of its type. */
function converted(reading: Reading, path: Path, given: string, type: TypeName): unknown {
  const text = reading.interpolated(path, given);
  if (type === "string") return text;
  if (text === "") return zeros[type];
  const value = jsonIn(text);
  const fits = {
    integer: Number.isInteger(value),
    float: typeof value === "number",
    boolean: typeof value === "boolean",
    json: value !== undefined,
  }[type];
  if (fits) return value;
  // The text may be a secret.
  throw reading.failure(path, "value", `The text here is no ${type}`, undefined, "correct the value, or its type");
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Text in maps has variables as well; that in lists has none. */
function nested(reading: Reading, path: Path, value: unknown): unknown {
  if (typeof value === "string") return reading.interpolated(path, value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, nested(reading, [...path, key], below)]));
}

function valueless(reading: Reading, path: Path, names: readonly string[]): Error {
  return reading.failure(
    [...path, names[0] as string],
    "key",
    `${names.length === 1 ? "This input has" : `The inputs ${names.join(", ")} have`} no value, and must`,
    undefined,
    `give one: --param ${names[0]}=…, in deployment.yaml, or as value or default here`,
  );
}
