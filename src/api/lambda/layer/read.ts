import { type Layer, type LayerVersion, mayUse } from "../../../model/layer.ts";
import { invalidParameter, layerRefused, notFound, status, violates } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import { marker, markerIn, pageSize, slice } from "../pages.ts";
import { lambdaLimits } from "../limits.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { layerArn, type LayerName, layerOf, layerVersionIn, versionOf } from "./names.ts";
import { renderVersion, renderWhole } from "./render.ts";

export async function getLayer(exchange: Exchange): Promise<Reply> {
  return await shown(exchange, layerOf(exchange), versionOf(exchange));
}

/** `GET …/layers`: a list, or the version of an ARN. */
export async function listOrFindLayers(exchange: Exchange): Promise<Reply> {
  const { query, namespace, context } = exchange;
  const find = query.get("find");
  if (find === null) return await listLayers(exchange);
  if (find !== "LayerVersion") throw violates(find.slice(0, 60), "find", "Member must satisfy enum value set: [LayerVersion]");
  const named = layerVersionIn(query.get("Arn") ?? "", namespace, context.identity);
  if (named === null) throw noSuchLayer();
  return await shown(exchange, named, named.version);
}

/** The newest first. */
export async function listLayerVersions(exchange: Exchange): Promise<Reply> {
  const { context, query, namespace } = exchange;
  const name = layerOf(exchange);
  const layer = await context.store.layers.get(name.namespace, name.name);
  const visible = layer?.versions.filter((version) => mayUse(layer, version, namespace)) ?? [];
  const { items, next } = slice(visible.filter(matching(query)).toReversed(), query, lambdaLimits.layers.pageMax);
  return jsonReply(status.ok, {
    LayerVersions: items.map((version) => renderVersion(exchange, layer as Layer, version)),
    ...next,
  });
}

async function listLayers(exchange: Exchange): Promise<Reply> {
  const { context, query, namespace } = exchange;
  const wanted = pageSize(query, lambdaLimits.layers.pageMax);
  const matches = matching(query);
  const [said = ""] = markerIn(query) ?? [];
  if (typeof said !== "string") throw invalidParameter("The marker is not one that this server gave");
  const found: object[] = [];
  let after: string | null = said;
  while (after !== null && found.length < wanted) {
    const page: Awaited<ReturnType<typeof context.store.layers.list>> = await context.store.layers.list(namespace, {
      after,
      limit: wanted - found.length,
    });
    for (const layer of page.items) {
      const newest = layer.versions.findLast(matches);
      if (newest === undefined) continue;
      const LatestMatchingVersion = renderVersion(exchange, layer, newest);
      found.push({ LayerName: layer.name, LayerArn: layerArn(context.identity, layer, namespace), LatestMatchingVersion });
    }
    after = page.next;
  }
  return jsonReply(status.ok, { Layers: found, ...(after === null ? {} : { NextMarker: marker(after) }) });
}

/** A version that says nothing of a matter is for all. */
function matching(query: URLSearchParams): (version: LayerVersion) => boolean {
  const [runtime, architecture] = [query.get("CompatibleRuntime"), query.get("CompatibleArchitecture")];
  return ({ runtimes, architectures }) =>
    (runtime === null || runtimes.includes(runtime)) &&
    (architecture === null || architectures.length === 0 || architectures.includes(architecture));
}

async function shown(exchange: Exchange, name: LayerName, number: number): Promise<Reply> {
  const { layer, version } = await foundVersion(exchange, name, number);
  return jsonReply(status.ok, renderWhole(exchange, layer, version));
}

/** One that the caller may use. Of other namespaces nobody hears whether they have one that is not for him. Throws `Refusal`. */
export async function foundVersion(
  { context, namespace }: Pick<Exchange, "context" | "namespace">,
  name: LayerName,
  number: number,
): Promise<{ readonly layer: Layer; readonly version: LayerVersion }> {
  const layer = await context.store.layers.get(name.namespace, name.name);
  const version = layer?.versions.find((each) => each.version === number);
  const isVisible = layer !== undefined && version !== undefined && mayUse(layer, version, namespace);
  if (isVisible) return { layer, version };
  if (name.namespace !== namespace) throw layerRefused(`${layerArn(context.identity, name, namespace)}:${number}`);
  throw noSuchLayer();
}

function noSuchLayer() {
  return notFound("The resource you requested does not exist.");
}
