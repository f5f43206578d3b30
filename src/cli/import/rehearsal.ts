/** What the server would refuse, before anything is made. */
import { type LambdaDoor, LambdaRefusal } from "./lambda-door.ts";
import type { LayerReference, Remark, WantedFunction } from "./wanted.ts";

export interface Rehearsed {
  /** Without layers that the server does not have. */
  readonly functions: readonly WantedFunction[];
  readonly remarks: readonly Remark[];
  /** Names of those that it would not take. */
  readonly refused: ReadonlySet<string>;
}

/** Asks for each function with its settings and without its code, which makes nothing: the settings are looked at first. */
export async function rehearse(door: LambdaDoor, functions: readonly WantedFunction[]): Promise<Rehearsed> {
  const remarks: Remark[] = [];
  const refused = new Set<string>();
  const layers = new Layers(door);
  const kept: WantedFunction[] = [];
  for (const fn of functions) {
    const missing = (what: string, fix: string | null = null) =>
      remarks.push({ level: "missing", place: fn.place, of: fn.name, what, fix });
    const known = await layers.known(fn.layers);
    for (const layer of fn.layers)
      if ("arn" in layer && !known.includes(layer))
        missing(`this server has no layer ${layer.arn}`, "publish it here, and name it by its ARN, or take it out");
    kept.push({ ...fn, layers: known });
    const refusal = await refusalOf(door, fn);
    if (refusal === null) continue;
    refused.add(fn.name);
    missing(refusal);
  }
  return { functions: kept, remarks, refused };
}

/** Versions of layers that files name by their ARNs; each is asked for once. */
class Layers {
  readonly #door: LambdaDoor;
  readonly #there = new Map<string, Promise<boolean>>();

  constructor(door: LambdaDoor) {
    this.#door = door;
  }

  async known(layers: readonly LayerReference[]): Promise<LayerReference[]> {
    const known: LayerReference[] = [];
    for (const layer of layers) if (!("arn" in layer) || (await this.#isThere(layer.arn))) known.push(layer);
    return known;
  }

  #isThere(arn: string): Promise<boolean> {
    const there = this.#there.get(arn) ?? this.#ask(arn);
    this.#there.set(arn, there);
    return there;
  }

  /** Whatever is refused of an ARN, the function could not have it. */
  async #ask(arn: string): Promise<boolean> {
    try {
      await this.#door.ask("GET", "/2018-10-31/layers", { query: { find: "LayerVersion", Arn: arn } });
      return true;
    } catch (error) {
      if (!(error instanceof LambdaRefusal)) throw error;
      return false;
    }
  }
}

async function refusalOf(door: LambdaDoor, { name, code, settings }: WantedFunction): Promise<string | null> {
  const { Environment, ...others } = settings;
  const PackageType = code?.type === "image" ? "Image" : "Zip";
  try {
    await door.ask("POST", "/2015-03-31/functions", {
      body: { FunctionName: name, ...others, PackageType, Environment: { Variables: Environment }, Code: {} },
    });
    return null;
  } catch (error) {
    if (!(error instanceof LambdaRefusal)) throw error;
    const isAboutCode = /source for function code|provide ImageUri|Runtime and Handler are mandatory/i.test(error.fields.what);
    return error.error === "ResourceConflict" || isAboutCode ? null : error.fields.what;
  }
}
