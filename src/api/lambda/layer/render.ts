import type { Layer, LayerVersion } from "../../../model/layer.ts";
import { linkTo } from "../code-link.ts";
import type { Exchange } from "../exchange.ts";
import { layerArn } from "./names.ts";

/** A version as lists show it. */
export function renderVersion({ context, namespace }: Exchange, layer: Layer, version: LayerVersion): object {
  const { runtimes, architectures, license } = version;
  return {
    LayerVersionArn: `${layerArn(context.identity, layer, namespace)}:${version.version}`,
    Version: version.version,
    Description: version.description,
    CreatedDate: new Date(version.createdAt).toISOString().replace("Z", "+0000"),
    ...(runtimes.length === 0 ? {} : { CompatibleRuntimes: runtimes }),
    ...(architectures.length === 0 ? {} : { CompatibleArchitectures: architectures }),
    ...(license === "" ? {} : { LicenseInfo: license }),
  };
}

/** One with a link to its archive. */
export function renderWhole(exchange: Exchange, layer: Layer, version: LayerVersion): object {
  const { context, request, namespace } = exchange;
  return {
    Content: {
      Location: linkTo(context, request, version.digest),
      CodeSha256: Buffer.from(version.digest, "hex").toString("base64"),
      CodeSize: version.bytes,
    },
    LayerArn: layerArn(context.identity, layer, namespace),
    ...renderVersion(exchange, layer, version),
  };
}
