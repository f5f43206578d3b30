import { exits, Failure } from "../failure.ts";
import type { WantedFunction } from "./wanted.ts";

/** Throws a `Failure` for two functions of one name: the second would take the place of the first. */
export function checkNames(functions: readonly WantedFunction[]): void {
  const seen = new Map<string, WantedFunction>();
  for (const fn of functions) {
    const other = seen.get(fn.name);
    if (other !== undefined)
      throw new Failure({
        code: "E_PROJECT",
        exit: exits.usage,
        what: `Two functions are called ${fn.name}`,
        where: fn.place,
        why: `The other one is at ${other.place}`,
        fix: "give one of them another name",
      });
    seen.set(fn.name, fn);
  }
}
