import type { Packed } from "./code.ts";
import type { LambdaDoor } from "./lambda-door.ts";

/** What changes are planned with. */
export interface Around {
  readonly door: LambdaDoor;
  readonly stack: string;
  /** See `Prepared`. */
  readonly code: ReadonlyMap<string, Packed>;
  /** ARNs of the file's layers by their logical names; those that are to be published come while it is carried out. */
  readonly layerArns: Map<string, string>;
  told(name: string, url: string): void;
}

/** Tag of a function that says which stack made it. */
export const stackTag = "polykiln:stack";
