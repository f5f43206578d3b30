import { LayerId } from "./intrinsics.ts";
import { Property } from "./property.ts";
import { plainName } from "./resources.ts";
import type { TemplateReading } from "./template.ts";
import { assetAt, contentAt } from "./content.ts";
import type { LayerReference, WantedLayer } from "./wanted.ts";

/** Undefined: its content cannot be had, which is remarked. */
export function layerOf(reading: TemplateReading, id: string): WantedLayer | undefined {
  const { resources, remarks } = reading;
  const property = (key: string) =>
    new Property(resources.intrinsics.value(resources.propertiesOf(id)[key]), ["Resources", id, "Properties", key], id, remarks);
  const isSam = resources.typeOf(id) === "AWS::Serverless::LayerVersion";
  const where = property(isSam ? "ContentUri" : "Content");
  const asset = assetAt(reading, resources.metadataOf(id), where);
  const code = asset === undefined ? contentAt(reading, where) : asset;
  if (code === null) return undefined;
  return {
    id,
    name: plainName(property("LayerName").text() ?? id),
    place: remarks.placeOf(["Resources", id], "key"),
    code,
    description: property("Description").text() ?? "",
    runtimes: property("CompatibleRuntimes").items.flatMap((item) => item.text() ?? []),
  };
}

/** What a function names: layers of the file, and versions by their ARNs. */
export function layersOf(layers: Property): LayerReference[] {
  return layers.items.flatMap((item): LayerReference[] => {
    if (item.value instanceof LayerId) return [{ layer: item.value.id }];
    const arn = item.text();
    return arn === undefined ? [] : [{ arn }];
  });
}
