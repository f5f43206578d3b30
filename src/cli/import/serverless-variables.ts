/**
 * The Serverless Framework's variables, `${source:address, fallback}`, as far as their values can be known without AWS and without running code.
 * What cannot be known is an `Unknown`; `${…}` that is CloudFormation's stays as it is.
 */
import type { Variables } from "../project/project.ts";
import { Circles } from "./circles.ts";
import { type Known, Unknown } from "./intrinsics.ts";
import type { Identity } from "./resources.ts";
import { candidatesIn, literalOf, piecesOf, sourceIn } from "./variable-syntax.ts";
import type { VariableFiles } from "./variable-files.ts";

export interface VariableOptions {
  /** As messages name the file. */
  readonly file: string;
  readonly raw: Known;
  readonly files: VariableFiles;
  /** `--stage`. */
  readonly stage: string | undefined;
  /** `--param`, which are options, too. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly environment: Variables;
  readonly identity: Identity;
}

export class ServerlessVariables {
  readonly #options: VariableOptions;
  readonly #circles: Circles;

  constructor(options: VariableOptions) {
    this.#options = options;
    this.#circles = new Circles(options.file);
  }

  /** The stage: of the command line, of the file, or `dev`. */
  get stage(): string {
    const said = this.#options.stage ?? this.#walk(this.#options.raw, ["provider", "stage"]) ?? "dev";
    return said instanceof Unknown ? "dev" : String(said);
  }

  /** A value with all variables in it worked out. Throws a `Failure` for a circle. */
  value(raw: unknown): unknown {
    if (typeof raw === "string") return this.#text(raw);
    if (Array.isArray(raw)) return raw.map((item) => this.value(item));
    if (typeof raw !== "object" || raw === null || raw instanceof Unknown) return raw;
    return Object.fromEntries(Object.entries(raw).map(([key, value]) => [key, this.value(value)]));
  }

  /** A text that is one variable is that variable's value, of any type. */
  #text(text: string): unknown {
    const pieces = piecesOf(text);
    const [first] = pieces;
    if (pieces.length === 1 && first?.isVariable === true) return this.#variable(first.text);
    let filled = "";
    for (const piece of pieces) {
      const value = piece.isVariable ? this.#variable(piece.text) : piece.text;
      if (value instanceof Unknown) return value;
      if (typeof value === "object") return new Unknown(`\${${piece.text}} is no text, and stands within one`);
      filled += String(value);
    }
    return filled;
  }

  /** The first candidate that there is. What only AWS knows is not passed over: it would be there. */
  #variable(inner: string): unknown {
    let addressed = inner;
    for (const candidate of candidatesIn(inner)) {
      const literal = literalOf(candidate);
      if (literal !== undefined) return literal.value;
      const filled = this.#text(candidate);
      if (filled instanceof Unknown) return filled;
      // A fallback may be a variable itself, whose value is not one more address.
      const found =
        piecesOf(candidate).some(({ isVariable }) => isVariable) && sourceIn(String(filled)) === null
          ? filled
          : this.#sourced(String(filled));
      if (found !== undefined && found !== null) return found;
      addressed = String(filled);
    }
    return new Unknown(`\${${inner}} is nowhere`, fixOf(addressed));
  }

  #sourced(candidate: string): unknown {
    return this.#circles.within(`\${${candidate}}`, () => this.#looked(candidate));
  }

  #looked(candidate: string): unknown {
    const source = sourceIn(candidate);
    if (source === null) return new Unknown(`\${${candidate}} has no source, such as self: or env:`);
    const { type, argument, address } = source;
    const { raw, parameters, environment, identity, files } = this.#options;
    switch (type) {
      case "self":
        return this.#walk(raw, address.split("."));
      case "opt":
        return address === "stage" ? (this.#options.stage ?? parameters["stage"]) : parameters[address];
      case "param":
        return this.#parameter(address);
      case "env":
        return environment[address];
      case "sls":
        return address === "stage" ? this.stage : new Unknown(`\${${candidate}} is another one each time`);
      case "aws":
        return address === "region" ? identity.region : address === "accountId" ? identity.account : undefined;
      case "strToBool":
        return truthOf(argument);
      case "file": {
        const content = files.read(argument);
        return content instanceof Unknown || content === undefined
          ? content
          : this.#walk(content, address === "" ? [] : address.split("."));
      }
      default:
        return new Unknown(
          `\${${candidate}} is known to AWS or to a plugin only`,
          "write the value in its place, or make it ${param:NAME} and give --param",
        );
    }
  }

  #parameter(name: string): unknown {
    const { parameters, raw } = this.#options;
    if (Object.hasOwn(parameters, name)) return parameters[name];
    return this.#walk(raw, ["params", this.stage, name]) ?? this.#walk(raw, ["params", "default", name]);
  }

  /** What is at an address; what lies on the way may be a variable itself. */
  #walk(from: unknown, keys: readonly string[]): unknown {
    let at = from;
    for (const key of keys) {
      if (typeof at === "string") at = this.#text(at);
      if (at instanceof Unknown) return at;
      at = typeof at === "object" && at !== null && Object.hasOwn(at, key) ? (at as Known)[key] : undefined;
    }
    return this.value(at);
  }
}

function truthOf(text: string): boolean | Unknown {
  if (/^(?:true|1)$/i.test(text)) return true;
  if (/^(?:false|0|null|undefined|)$/i.test(text)) return false;
  return new Unknown(`strToBool(${text}) is neither true nor false`);
}

function fixOf(addressed: string): string | null {
  const [, type, name] = /^(env|opt|param):(.+)$/.exec(addressed) ?? [];
  if (type === undefined) return null;
  if (type === "env") return `set it: ${name}=… polykiln import lambda`;
  return name === "stage" ? "give it with --stage" : `give it with --param ${name}=…`;
}
