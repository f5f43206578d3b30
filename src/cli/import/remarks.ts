import type { Path, YamlFile } from "../project/yaml-file.ts";
import { Unknown } from "./intrinsics.ts";
import type { Remark } from "./wanted.ts";

/** What is said of a file while it is read. */
export class Remarks {
  readonly #file: YamlFile;
  readonly #remarks: Remark[] = [];

  constructor(file: YamlFile) {
    this.#file = file;
  }

  /** By their places in the file. */
  get all(): readonly Remark[] {
    return this.#remarks.toSorted((one, other) => lineOf(one) - lineOf(other));
  }

  placeOf(path: Path, part: "key" | "value" = "value"): string {
    return this.#file.placeOf(path, part);
  }

  /** What `of` (a function; null: no one) would lack. */
  missing(of: string | null, path: Path, what: string, fix: string | null = null): void {
    this.#add({ level: "missing", place: this.placeOf(path, "key"), of, what, fix });
  }

  /** What `of` has, and in another way. */
  different(of: string | null, path: Path, what: string, fix: string | null = null): void {
    this.#add({ level: "different", place: this.placeOf(path, "key"), of, what, fix });
  }

  /** True for what is known; says otherwise why it is not. */
  isKnown<T>(value: T | Unknown, of: string | null, path: Path, what: string): value is T {
    if (!(value instanceof Unknown)) return true;
    this.missing(of, path, `${what}: ${value.why}`, value.fix);
    return false;
  }

  #add(remark: Remark): void {
    const isSame = (other: Remark) => other.place === remark.place && other.of === remark.of && other.what === remark.what;
    if (!this.#remarks.some(isSame)) this.#remarks.push(remark);
  }
}

function lineOf({ place }: Remark): number {
  return Number(place.split(":").at(-2));
}
