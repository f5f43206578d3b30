import type { Path } from "../project/yaml-file.ts";
import { type Known, Unknown } from "./intrinsics.ts";
import type { Remarks } from "./remarks.ts";
import type { Resources } from "./resources.ts";

/** A file while it is read. */
export interface ServerlessReading {
  readonly resources: Resources;
  readonly remarks: Remarks;
  readonly folder: string;
  readonly root: string;
  readonly service: string;
  readonly stage: string;
  readonly provider: Known;
  readonly package: Known;
  readonly plugins: readonly string[];
  /** Folders that are no code of functions. */
  readonly layerPaths: readonly string[];
  /** Functions by their keys, with where they stand. */
  readonly functions: ReadonlyMap<string, Placed>;
}

export interface Placed {
  readonly value: Known;
  readonly path: Path;
}

/** Its own, or that of service, stage and key. */
export function functionName(
  { service, stage }: Pick<ServerlessReading, "service" | "stage">,
  key: string,
  { value }: Placed,
): string | Unknown {
  const { name = `${service}-${stage}-${key}` } = value;
  if (name instanceof Unknown) return name;
  return typeof name === "string" ? name : new Unknown("name is no text");
}
