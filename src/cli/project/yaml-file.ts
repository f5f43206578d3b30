import { readFileSync } from "node:fs";
import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { exits, Failure } from "../failure.ts";

/** Path of keys and indexes from the top of a document. */
export type Path = readonly (string | number)[];

/** A YAML (or JSON) file that knows where its values stand, so that a complaint can point at them. */
export class YamlFile {
  /** As it is shown. */
  readonly name: string;
  readonly value: unknown;
  readonly #text: string;
  readonly #document: Document;
  readonly #lines: LineCounter;

  /**
   * `prepare` may change what was read before it becomes `value`; `merge`: keys `<<` are those of a map elsewhere in the file. Throws a
   * `Failure` for a syntax error.
   */
  constructor(path: string, name: string, prepare?: (document: Document) => void, merge = false) {
    this.name = name;
    this.#text = readFileSync(path, "utf8");
    this.#lines = new LineCounter();
    this.#document = parseDocument(this.#text, { lineCounter: this.#lines, prettyErrors: false, merge });
    const error = this.#document.errors[0];
    if (error !== undefined) {
      const [what, ...more] = error.message.split("\n");
      throw this.#failure(error.pos[0], error.pos[1], `The YAML is broken: ${what}`, more.join(" ").trim() || undefined);
    }
    prepare?.(this.#document);
    this.value = this.#plain();
  }

  #plain(): unknown {
    try {
      return this.#document.toJS() as unknown;
    } catch (error) {
      // Aliases of aliases of aliases, or of what is not there.
      throw this.#failure(0, 0, `The YAML is broken: ${(error as Error).message}`);
    }
  }

  /** The whole as a map. Throws a `Failure` for anything else; an empty file is an empty map. */
  mapOf(): Readonly<Record<string, unknown>> {
    if (this.value === null || this.value === undefined) return {};
    if (typeof this.value === "object" && !Array.isArray(this.value)) return this.value as Record<string, unknown>;
    throw this.failure([], "value", "The file must be a map of keys");
  }

  /** A complaint about the value at a path, or about the key itself. */
  failure(path: Path, part: "key" | "value", what: string, why?: string, fix?: string): Failure {
    const [from, to] = this.#rangeOf(path, part);
    return this.#failure(from, to, what, why, fix);
  }

  /** `FILE:LINE:COLUMN` of a value. */
  placeOf(path: Path, part: "key" | "value" = "value"): string {
    const { line, col } = this.#lines.linePos(this.#rangeOf(path, part)[0]);
    return `${this.name}:${line}:${col}`;
  }

  #rangeOf(path: Path, part: "key" | "value"): [number, number] {
    // What is missing is pointed at where it should be: at the nearest thing above it that is there.
    for (let length = path.length; length > 0; length--) {
      const parent = this.#document.getIn(path.slice(0, length - 1), true);
      const key = path[length - 1];
      const pair = isMap(parent)
        ? parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
        : undefined;
      const value = this.#document.getIn(path.slice(0, length), true);
      const node = (part === "key" || length < path.length) && pair !== undefined ? pair.key : value;
      if (isNode(node) && node.range) return [node.range[0], node.range[1]];
      if (pair !== undefined && isNode(pair.key) && pair.key.range) return [pair.key.range[0], pair.key.range[1]];
    }
    return [0, 0];
  }

  #failure(from: number, to: number, what: string, why?: string, fix?: string): Failure {
    const { line, col } = this.#lines.linePos(from);
    return new Failure({
      code: "E_PROJECT",
      exit: exits.usage,
      what,
      where: `${this.name}:${line}:${col}`,
      frame: frame(this.#text, line, col, to - from),
      why,
      fix,
    });
  }
}

/** Keys without a value are as good as left out. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const given = Object.entries(value).filter(([, below]) => below !== null);
  return Object.fromEntries(given.map(([key, below]) => [key, withoutNulls(below)]));
}

/** The line before, the line itself, and marks under the place. */
function frame(text: string, line: number, column: number, length: number): string {
  const lines = text.split(/\r?\n/);
  const width = String(line).length;
  const shown = (number: number) => `  ${String(number).padStart(width)} | ${lines[number - 1] ?? ""}`.trimEnd();
  const own = lines[line - 1] ?? "";
  const marks = Math.max(1, Math.min(length, own.length - column + 1));
  const pointer = `  ${" ".repeat(width)} | ${" ".repeat(column - 1)}${"^".repeat(marks)}`;
  return [...(line > 1 ? [shown(line - 1)] : []), shown(line), pointer].join("\n");
}
