import type { Path } from "../project/yaml-file.ts";
import { firstUnknown, Unknown } from "./intrinsics.ts";
import type { Remarks } from "./remarks.ts";
import { mapIn } from "./resources.ts";

/** One value of a function with its place, as the type that is wanted. What is not known, or of another type, becomes a remark and is left out. */
export class Property {
  readonly value: unknown;
  readonly path: Path;
  readonly #of: string;
  readonly #remarks: Remarks;

  /** `value`: worked out. */
  constructor(value: unknown, path: Path, of: string, remarks: Remarks) {
    this.value = value ?? undefined;
    this.path = path;
    this.#of = of;
    this.#remarks = remarks;
  }

  /** Another value at the same place. */
  as(value: unknown): Property {
    return new Property(value, this.path, this.#of, this.#remarks);
  }

  get isThere(): boolean {
    return this.value !== undefined;
  }

  /** As messages name it. */
  get label(): string {
    return (
      this.path
        .slice(2)
        .filter((key) => key !== "Properties")
        .join(".") || String(this.path.at(-1))
    );
  }

  at(key: string | number): Property {
    const { value } = this;
    const below = typeof value === "object" && value !== null ? (value as Record<string | number, unknown>)[key] : undefined;
    return new Property(value instanceof Unknown ? value : below, [...this.path, key], this.#of, this.#remarks);
  }

  /** Properties of a map; none for what is not there. */
  get entries(): readonly (readonly [string, Property])[] {
    if (!this.#is(typeof this.value === "object" && !Array.isArray(this.value), "a map")) return [];
    return Object.keys(mapIn(this.value)).map((key) => [key, this.at(key)] as const);
  }

  get items(): readonly Property[] {
    if (!this.#is(Array.isArray(this.value), "a list")) return [];
    return (this.value as unknown[]).map((_, i) => this.at(i));
  }

  text(): string | undefined {
    if (!this.#is(typeof this.value !== "object", "a text")) return undefined;
    return String(this.value);
  }

  whole(): number | undefined {
    if (!this.#is(/^-?\d+$/.test(String(this.value)), "a whole number")) return undefined;
    return Number(this.value);
  }

  flag(): boolean | undefined {
    if (!this.#is(/^(?:true|false)$/i.test(String(this.value)), "true or false")) return undefined;
    return String(this.value).toLowerCase() === "true";
  }

  /** A map of texts; those that are not known are remarks of their own. */
  texts(): Record<string, string> {
    return Object.fromEntries(
      this.entries.flatMap(([name, property]) => {
        const text = property.isThere ? property.text() : undefined;
        return text === undefined ? [] : [[name, text]];
      }),
    );
  }

  /** The whole as it is; undefined where something in it is not known. */
  plain<T>(): T | undefined {
    const unknown = firstUnknown(this.value);
    if (unknown === undefined) return this.value as T | undefined;
    this.missing(`${this.label}: ${unknown.why}`, unknown.fix);
    return undefined;
  }

  missing(what: string, fix: string | null = null): void {
    this.#remarks.missing(this.#of, this.path, what, fix);
  }

  different(what: string, fix: string | null = null): void {
    this.#remarks.different(this.#of, this.path, what, fix);
  }

  placed(): string {
    return this.#remarks.placeOf(this.path, "key");
  }

  #is(fits: boolean, type: string): boolean {
    if (!this.isThere) return false;
    if (!this.#remarks.isKnown(this.value, this.#of, this.path, this.label)) return false;
    if (!fits) this.missing(`${this.label} is not ${type}`);
    return fits;
  }
}
