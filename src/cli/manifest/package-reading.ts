import type { Path } from "../project/yaml-file.ts";
import { type Managed, managedKey } from "./managed.ts";
import type { Values } from "./manifest.ts";
import type { Reading } from "./reading.ts";
import type { PackageYaml } from "./schema.ts";

/** What is in no package stands in the manifest in a package of this name. */
export const defaultPackage = "default";

/** One package while it is read. */
export interface PackageReading {
  readonly reading: Reading;
  readonly path: Path;
  readonly name: string;
  readonly yaml: PackageYaml;
  /** Inputs of the package, and of the project. */
  readonly inputs: Values;
  readonly managed: Managed | null;
  /** What the deployment's file says of the same package. */
  readonly over: { readonly reading: Reading; readonly path: Path; readonly yaml: PackageYaml } | null;
}

/** Annotations, with those of the deployment's file and the mark of the project. */
export function annotationsOf(
  { reading, managed, over }: PackageReading,
  path: Path,
  own: Values | undefined,
  overPath: Path | null,
  others?: Values,
): Values {
  return {
    ...interpolated(reading, path, own),
    ...(over === null || overPath === null ? {} : interpolated(over.reading, overPath, others)),
    ...(managed === null ? {} : { [managedKey]: managed }),
  };
}

function interpolated(reading: Reading, path: Path, given: Values = {}): Values {
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => {
      return [key, typeof value === "string" ? reading.interpolated([...path, "annotations", key], value) : value];
    }),
  );
}

/** The whole name of what is in a package. */
export function inPackage({ name }: Pick<PackageReading, "name">, entity: string): string {
  return name === defaultPackage ? entity : `${name}/${entity}`;
}
