/** Parameters and annotations: lists of `{key, value}` on the wire, maps in the model. */
import type { Annotations, Fn } from "../../model/model.ts";
import { malformed, tooLarge } from "./errors.ts";
import { sizeLimits } from "./limits.ts";

/** Those with `init` are the environment of the code, so they are in both (`Fn.parameters`). */
export type Parameters = Pick<Fn, "parameters" | "config">;

interface KeyValue {
  readonly key: string;
  readonly value: unknown;
  readonly init: boolean;
}

/** Throws `Refusal`. */
export function readParameters(given: unknown): Parameters {
  const list = readList(given, "parameters malformed!");
  checkBytes("parameters", list, sizeLimits.parametersBytesMax);
  const inits = list.filter(({ init }) => init);
  const config = Object.fromEntries(inits.map(({ key, value }) => [environmentName(key), environmentText(value)]));
  const bytes = Object.entries(config).reduce((sum, [name, text]) => sum + name.length + Buffer.byteLength(text), 0);
  if (bytes > sizeLimits.environmentBytesMax) throw tooLarge("parameters", bytes, sizeLimits.environmentBytesMax);
  return { parameters: Object.fromEntries(list.map(({ key, value }) => [key, value])), config };
}

/** As the wire has them; what another door put into the environment is a parameter with `init` as well. */
export function renderParameters({ parameters, config }: Parameters): object[] {
  const plain = Object.entries(parameters).filter(([key]) => !Object.hasOwn(config, key));
  const inits = Object.entries(config).map(([key, text]) => ({ key, value: valueOf(key, text, parameters), init: true }));
  return [...plain.map(([key, value]) => ({ key, value })), ...inits];
}

/** What was given, unless the environment has been changed since. */
function valueOf(key: string, text: string, parameters: Fn["parameters"]): unknown {
  const given = parameters[key];
  return Object.hasOwn(parameters, key) && environmentText(given) === text ? given : text;
}

function environmentText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function environmentName(key: string): string {
  if (key === "" || /[=\0]/.test(key)) throw malformed("parameters malformed!");
  return key;
}

/** Whoever sets `exec` is not heard: it is always the action's kind. Throws `Refusal`. */
export function readAnnotations(given: unknown): Annotations {
  const list = readList(given, "annotations malformed!").filter(({ key }) => key !== "exec");
  checkBytes("annotations", list, sizeLimits.annotationsBytesMax);
  return Object.fromEntries(list.map(({ key, value }) => [key, JSON.stringify(value)]));
}

export function renderAnnotations(annotations: Annotations): object[] {
  return Object.entries(annotations).map(([key, json]) => ({ key, value: JSON.parse(json) as unknown }));
}

function readList(given: unknown, complaint: string): KeyValue[] {
  if (Array.isArray(given)) return given.map((item: unknown) => readItem(item, complaint));
  throw malformed(complaint);
}

function readItem(item: unknown, complaint: string): KeyValue {
  if (typeof item !== "object" || item === null) throw malformed(complaint);
  const { key, value = null, init } = item as Readonly<Record<string, unknown>>;
  if (typeof key !== "string" || key === "" || key === "__proto__") throw malformed(complaint);
  return { key, value, init: init === true };
}

function checkBytes(field: string, list: readonly KeyValue[], bytesMax: number): void {
  let bytes = 0;
  for (const { key, value } of list) bytes += Buffer.byteLength(key) + Buffer.byteLength(JSON.stringify(value));
  if (bytes > bytesMax) throw tooLarge(field, bytes, bytesMax);
}
