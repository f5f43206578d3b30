import { layersOf } from "../../../model/layer.ts";
import type { Fn } from "../../../model/model.ts";
import type { Identity } from "../names.ts";
import { layerArn } from "./names.ts";

/** As `FunctionConfiguration` has them. */
export function renderLayers(identity: Identity, { source, namespace }: Pick<Fn, "source" | "namespace">): object {
  const layers = layersOf(source);
  if (layers.length === 0) return {};
  return {
    Layers: layers.map((layer) => ({
      Arn: `${layerArn(identity, layer, namespace)}:${layer.version}`,
      CodeSize: layer.bytes,
    })),
  };
}
