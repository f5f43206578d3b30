import { exits, Failure } from "../failure.ts";
import type { PlannedFunction } from "../project/project.ts";

export interface NamingFlags {
  readonly registry?: string;
  readonly tag?: string;
}

/** What an image is for: one that is sent somewhere needs more of a name. */
export type Purpose = "build" | "push";

/**
 * `[REGISTRY/]NAME:VERSION` of a function's image, as Fn's client makes it: the registry comes before a name that has none. Throws a `Failure`
 * that says what is missing.
 */
export function imageOf(
  fn: PlannedFunction,
  flags: NamingFlags,
  env: Readonly<Record<string, string | undefined>>,
  purpose: Purpose,
): string {
  const { imageName: given = fn.name, version = null } = fn.funcFile ?? {};
  const registry = (flags.registry ?? (env["FN_REGISTRY"] || "")).replace(/\/+$/, "");
  const name = given.includes("/") || registry === "" ? given : `${registry}/${given}`;
  const tag = flags.tag ?? version;
  if (purpose === "push" && !name.includes("/")) throw noOwner(fn, name);
  if (purpose === "push" && tag === null) throw noTag(fn, name);
  if (name !== name.toLowerCase()) throw capitals(fn, name);
  return `${name}:${tag ?? "latest"}`;
}

function noOwner({ place }: PlannedFunction, name: string): Failure {
  return new Failure({
    code: "E_IMAGE_NAME",
    exit: exits.usage,
    what: `The image ${name} has no registry or owner, so there is nowhere to send it`,
    where: place,
    fix: "say --registry HOST/OWNER (or OWNER, for the public registry), or set FN_REGISTRY",
  });
}

function noTag({ place, funcFile }: PlannedFunction, name: string): Failure {
  return new Failure({
    code: "E_IMAGE_NAME",
    exit: exits.usage,
    what: `The image ${name} has no tag`,
    where: place,
    why: "Its tag is the version in func.yaml, and there is none",
    fix: funcFile === undefined ? "say --tag 0.0.1" : "add version: 0.0.1 to func.yaml, or say --bump or --tag",
  });
}

function capitals({ place }: PlannedFunction, name: string): Failure {
  return new Failure({
    code: "E_IMAGE_NAME",
    exit: exits.usage,
    what: `The image ${name} has capital letters in its name, which no registry takes`,
    where: place,
    fix: `call the function ${name.slice(name.lastIndexOf("/") + 1).toLowerCase()}`,
  });
}
