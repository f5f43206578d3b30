/** The code of all functions, before anything is changed: what cannot be packed, and what has no handler, is a remark. */
import { Failure } from "../failure.ts";
import { type Packed, type PackedZip, Packer } from "./code.ts";
import { handlerFiles, handlerLack, type Lack } from "./handler.ts";
import type { Remark, Wanted, WantedFunction } from "./wanted.ts";

export interface Prepared {
  /** By the names of functions, and `layerKey`; what is not there could not be packed. */
  readonly code: ReadonlyMap<string, Packed>;
  readonly remarks: readonly Remark[];
}

export async function prepare({ functions, layers }: Wanted): Promise<Prepared> {
  const packer = new Packer();
  const code = new Map<string, Packed>();
  const remarks: Remark[] = [];
  for (const each of [...functions, ...layers]) {
    if (each.code === null) continue;
    const [key, of] = "id" in each ? [layerKey(each.id), each.id] : [each.name, each.name];
    try {
      const packed = await packer.pack(each.code);
      code.set(key, packed);
      if ("settings" in each && "zip" in packed)
        for (const lack of lacksOf(each, packed)) remarks.push({ ...lack, place: each.place, of });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const { what, where = each.place, why, fix = null } = error.fields;
      const whole = why === undefined ? what : `${what}: ${why}`;
      remarks.push({ level: "missing", place: where, of, what: whole, fix });
    }
  }
  return { code, remarks };
}

/** What it would not run without, or might not. Layers may bring anything. */
function lacksOf({ layers, settings }: WantedFunction, { names, unnamed }: PackedZip): readonly (Lack & Pick<Remark, "level">)[] {
  if (layers.length > 0) return [];
  const handler = names === null ? null : handlerLack(settings, names);
  const packages = unnamed.filter(({ runtime }) => settings.Runtime?.startsWith(runtime));
  return [
    ...(handler === null ? [] : [{ level: "missing" as const, ...handler }]),
    ...packages.map(({ name, manifest, importers }) => ({
      // Another file may be for another function, or for nobody.
      level: handlerFiles(settings).some((file) => importers.has(file)) ? ("missing" as const) : ("different" as const),
      what: `the code imports ${name}, which runtimes here do not bring along`,
      fix: `name it in ${manifest}, from which the server installs it`,
    })),
  ];
}

/** No function has such a name. */
export function layerKey(id: string): string {
  return `layer ${id}`;
}
