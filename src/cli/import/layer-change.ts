import type { Change } from "../project/deployment.ts";
import type { Around } from "./around.ts";
import { layerKey } from "./prepared.ts";
import type { WantedLayer } from "./wanted.ts";

/** A version is published when its content is another than that of the newest one. */
export async function layerChange(
  { door, layerArns, code: prepared }: Around,
  { id, name, description, runtimes }: WantedLayer,
): Promise<Change> {
  const path = `/2018-10-31/layers/${encodeURIComponent(name)}/versions`;
  const packed = prepared.get(layerKey(id));
  if (packed === undefined || "image" in packed) throw new TypeError(`${id} has no code`);
  const newest = ((await door.find(path))?.["LayerVersions"] as readonly { Version: number }[] | undefined)?.[0];
  const there = newest === undefined ? null : await door.find(`${path}/${newest.Version}`);
  const isSame = there?.["Content"]?.["CodeSha256"] === packed.hash && (there?.["Description"] ?? "") === description;
  if (there !== null && isSame) layerArns.set(id, String(there["LayerVersionArn"]));
  return {
    verb: there === null ? "create" : isSame ? "keep" : "update",
    noun: "layer",
    name,
    fields: isSame ? [] : ["content"],
    apply: async () => {
      const body = {
        Description: description,
        CompatibleRuntimes: runtimes,
        Content: { ZipFile: packed.zip.toString("base64") },
      };
      layerArns.set(id, String((await door.ask("POST", path, { body }))["LayerVersionArn"]));
    },
  };
}
