/**
 * CloudFormation's functions, as far as their values can be known without AWS: parameters, mappings, conditions, pseudo parameters, and names of
 * what the file makes. What cannot be known is an `Unknown` that says why, and so is whatever is made of it.
 */
import { Circles } from "./circles.ts";

/** A value that only AWS knows, or nobody said. */
export class Unknown {
  readonly why: string;
  readonly fix: string | null;

  constructor(why: string, fix: string | null = null) {
    this.why = why;
    this.fix = fix;
  }
}

/** A layer of the same file, wherever something refers to it. */
export class LayerId {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }
}

export type Known = Readonly<Record<string, unknown>>;

export interface Surroundings {
  /** As a message names the file. */
  readonly file: string;
  readonly mappings: Known;
  readonly conditions: Known;
  /** The value of `Ref NAME`; undefined: nobody knows the name. */
  ref(name: string): unknown;
  /** The value of `GetAtt NAME.ATTRIBUTE`. */
  attribute(name: string, attribute: string): unknown;
}

const noValue = Symbol("AWS::NoValue");
export const noValueOf = (name: string): typeof noValue | undefined => (name === "AWS::NoValue" ? noValue : undefined);

export class Intrinsics {
  readonly #around: Surroundings;
  readonly #circles: Circles;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#circles = new Circles(around.file);
  }

  /** A value with everything in it worked out; what nobody knows within a map or a list is an `Unknown` there. Throws a `Failure` for a circle. */
  value(raw: unknown): unknown {
    const found = this.#valueOf(raw);
    return found === noValue ? undefined : found;
  }

  /** Whether a condition of the file holds. */
  condition(name: string): boolean | Unknown {
    const { conditions } = this.#around;
    if (!Object.hasOwn(conditions, name)) return new Unknown(`there is no condition ${name}`);
    return this.#circles.within(`condition ${name}`, () => asTruth(this.#valueOf(conditions[name])));
  }

  #valueOf(raw: unknown): unknown {
    if (typeof raw === "string") return raw.includes("{{resolve:") ? dynamic(raw) : raw;
    if (Array.isArray(raw)) return raw.map((item) => this.#valueOf(item)).filter((item) => item !== noValue);
    if (typeof raw !== "object" || raw === null || raw instanceof Unknown) return raw;
    const entries = Object.entries(raw);
    const [first] = entries;
    if (entries.length === 1 && first !== undefined && isFunction(first[0])) return this.#called(first[0], first[1]);
    const worked = entries.map(([name, value]): [string, unknown] => [name, this.#valueOf(value)]);
    return Object.fromEntries(worked.filter(([, value]) => value !== noValue));
  }

  #called(name: string, given: unknown): unknown {
    switch (name) {
      case "Ref":
        return this.#ref(String(given));
      case "Condition":
        return this.condition(String(given));
      case "Fn::GetAtt":
        return this.#attribute(given);
      case "Fn::Sub":
        return this.#substituted(given);
      case "Fn::If":
        return this.#chosen(given);
      case "Fn::FindInMap":
        return known(this.#valueOf(given), (keys) => this.#mapped(keys as readonly unknown[]));
      default:
        return known(this.#valueOf(given), (value) => computed(name, value));
    }
  }

  #ref(name: string): unknown {
    return this.#circles.within(`Ref ${name}`, () => {
      const found = noValueOf(name) ?? this.#around.ref(name);
      return found === undefined ? new Unknown(`there is no ${name} in the file`) : found;
    });
  }

  #attribute(given: unknown): unknown {
    const [name = "", ...rest] = Array.isArray(given) ? given.map(String) : String(given).split(".");
    const attribute = rest.join(".");
    return this.#circles.within(`GetAtt ${name}.${attribute}`, () => this.#around.attribute(name, attribute));
  }

  #chosen(given: unknown): unknown {
    const [name, yes, no] = Array.isArray(given) ? (given as unknown[]) : [];
    return known(this.condition(String(name)), (holds) => this.#valueOf(holds === true ? yes : no));
  }

  /** `${Name}`, `${Name.Attribute}`, names of its own, and `${!text}`, which is itself. */
  #substituted(given: unknown): unknown {
    const [text, own] = (Array.isArray(given) ? given : [given, {}]) as [unknown, Record<string, unknown>];
    if (typeof text !== "string") return new Unknown("Fn::Sub takes a text");
    let unknown: Unknown | undefined;
    const filled = text.replace(/\$\{(!?)([^{}]+)\}/g, (_, literal: string, inner: string) => {
      const name = inner.trim();
      if (literal !== "") return `\${${inner}}`;
      const value = Object.hasOwn(own ?? {}, name)
        ? this.#valueOf(own[name])
        : name.includes(".")
          ? this.#attribute(name)
          : this.#ref(name);
      if (value instanceof Unknown) unknown ??= value;
      return String(value);
    });
    return unknown ?? (filled.includes("{{resolve:") ? dynamic(filled) : filled);
  }

  #mapped(keys: readonly unknown[]): unknown {
    const [map = "", top = "", second = ""] = keys.map(String);
    const found = (this.#around.mappings[map] as Record<string, Record<string, unknown>> | undefined)?.[top]?.[second];
    return found === undefined ? new Unknown(`Mappings has no ${map}.${top}.${second}`) : found;
  }
}

function isFunction(name: string): boolean {
  return name === "Ref" || name === "Condition" || name.startsWith("Fn::");
}

/** What is made of a value in which everything is known. */
function known(value: unknown, make: (value: unknown) => unknown): unknown {
  return firstUnknown(value) ?? make(value);
}

/** The first thing in a value that nobody knows. */
export function firstUnknown(value: unknown): Unknown | undefined {
  if (value instanceof Unknown) return value;
  if (typeof value !== "object" || value === null || value instanceof LayerId) return undefined;
  for (const each of Object.values(value)) {
    const found = firstUnknown(each);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Functions that need nothing but what they are given. */
function computed(name: string, value: unknown): unknown {
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  switch (name) {
    case "Fn::Join":
      return Array.isArray(list[1]) ? list[1].map(String).join(String(list[0])) : new Unknown("Fn::Join takes a list");
    case "Fn::Split":
      return String(list[1]).split(String(list[0]));
    case "Fn::Select":
      return selected(list);
    case "Fn::Base64":
      return Buffer.from(String(value)).toString("base64");
    case "Fn::Length":
      return list.length;
    case "Fn::ToJsonString":
      return JSON.stringify(value);
    case "Fn::Equals":
      return String(list[0]) === String(list[1]);
    case "Fn::Not":
      return list[0] !== true;
    case "Fn::And":
      return list.every((each) => each === true);
    case "Fn::Or":
      return list.some((each) => each === true);
    case "Fn::ImportValue":
      return new Unknown(`${String(value)} is exported by another stack`, "write the value in its place");
    default:
      return new Unknown(`${name} is not worked out here`, "write the value in its place");
  }
}

function selected([index, from]: readonly unknown[]): unknown {
  const found = Array.isArray(from) ? (from[Number(index)] as unknown) : undefined;
  return found === undefined ? new Unknown(`Fn::Select finds nothing at ${String(index)}`) : found;
}

function asTruth(value: unknown): boolean | Unknown {
  return firstUnknown(value) ?? value === true;
}

function dynamic(text: string): Unknown {
  return new Unknown(
    `${text.slice(text.indexOf("{{resolve:")).split("}}")[0] ?? ""}}} is kept by AWS`,
    "make it a parameter, and give it with --param",
  );
}
