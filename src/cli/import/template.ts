/** SAM and CloudFormation: the functions and layers of a template, and what of it there is nothing for here. */
import { dirname } from "node:path";
import type { Path, YamlFile } from "../project/yaml-file.ts";
import { type Attached, attachedTo } from "./attached.ts";
import { Unknown } from "./intrinsics.ts";
import { layerOf } from "./layer.ts";
import { remarkOn } from "./other-resources.ts";
import { Remarks } from "./remarks.ts";
import { type Identity, mapIn, Resources } from "./resources.ts";
import { readFunction } from "./template-function.ts";
import type { Wanted } from "./wanted.ts";

export interface TemplateOptions {
  readonly file: YamlFile;
  /** Of the file, absolute. */
  readonly path: string;
  /** Code is from within this folder. */
  readonly root: string;
  readonly stack: string;
  readonly identity: Identity;
  readonly parameters: Readonly<Record<string, string>>;
}

/** A template while it is read. */
export interface TemplateReading {
  readonly resources: Resources;
  readonly remarks: Remarks;
  readonly folder: string;
  readonly root: string;
  /** `Globals.Function`, as written. */
  readonly globals: Readonly<Record<string, unknown>>;
  /** What resources beside a function say of it, by its logical name. */
  readonly attached: ReadonlyMap<string, Attached>;
}

/** Throws a `Failure` for what is no template, and for references that go in a circle. */
export function readTemplate({ file, path, root, stack, identity, parameters }: TemplateOptions): Wanted {
  const whole = file.mapOf();
  checkSections(file, whole);
  const resources = new Resources({
    file: file.name,
    stack,
    identity,
    given: parameters,
    parameters: mapIn(whole["Parameters"]),
    mappings: mapIn(whole["Mappings"]),
    conditions: mapIn(whole["Conditions"]),
    resources: mapIn(whole["Resources"]),
  });
  checkFunctions(file, resources);
  resources.checkGiven();
  const remarks = new Remarks(file);
  const reading: TemplateReading = {
    resources,
    remarks,
    folder: dirname(path),
    root,
    globals: mapIn(mapIn(whole["Globals"])["Function"]),
    attached: attachedTo(resources, remarks),
  };
  const functions = resources.functionIds.filter((id) => isMade(reading, id)).flatMap((id) => readFunction(reading, id) ?? []);
  const layers = resources.layerIds.filter((id) => isMade(reading, id)).flatMap((id) => layerOf(reading, id) ?? []);
  for (const id of resources.otherIds) if (isMade(reading, id)) remarkOn(reading, id);
  return { stack, functions, layers, remarks: remarks.all };
}

function checkSections(file: YamlFile, whole: Readonly<Record<string, unknown>>): void {
  for (const section of ["Parameters", "Mappings", "Conditions", "Resources", "Globals"]) {
    const value = whole[section] ?? undefined;
    if (value !== undefined && (typeof value !== "object" || Array.isArray(value)))
      throw file.failure([section], "value", `${section} must be a map`);
  }
  for (const [id, resource] of Object.entries(mapIn(whole["Resources"]))) {
    const path: Path = ["Resources", id];
    if (id.startsWith("Fn::"))
      throw file.failure(path, "key", `${id} around resources is not worked out here`, undefined, "write the resources out");
    if (typeof mapIn(resource)["Type"] !== "string") throw file.failure(path, "key", `The resource ${id} has no Type`);
  }
}

/** One whose condition is not known is named, and not made. */
function isMade({ resources, remarks }: TemplateReading, id: string): boolean {
  const wanted = resources.isWanted(id);
  if (!(wanted instanceof Unknown)) return wanted;
  remarks.missing(null, ["Resources", id], `${id} is left out, as its condition is not known: ${wanted.why}`, wanted.fix);
  return false;
}

function checkFunctions(file: YamlFile, { functionIds }: Resources): void {
  if (functionIds.length > 0) return;
  const why = "It has none of AWS::Serverless::Function and AWS::Lambda::Function";
  throw file.failure(["Resources"], "value", "The file has no functions", why);
}
