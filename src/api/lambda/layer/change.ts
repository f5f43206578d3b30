import { PlatformError } from "../../../model/error.ts";
import type { Layer } from "../../../model/layer.ts";
import { changedMeanwhile } from "../errors.ts";
import type { LambdaContext } from "../lambda.ts";
import type { LayerName } from "./names.ts";

const attemptsMax = 100;

/** `change` is asked again where somebody else wrote in between, and may throw; nothing is written where it gives what it was given. */
export async function changedLayer(
  { store }: Pick<LambdaContext, "store">,
  { namespace, name }: LayerName,
  change: (layer: Layer) => Layer,
): Promise<Layer> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const stored = (await store.layers.get(namespace, name)) ?? { namespace, name, versions: [], lastVersion: 0, revision: 0 };
    const changed = change(stored);
    if (changed === stored) return stored;
    try {
      const layer = { ...changed, revision: stored.revision + 1 };
      await store.layers.put(layer);
      return layer;
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== "conflict") throw error;
    }
  }
  throw changedMeanwhile(name);
}
