/** `Layers` of functions. */
import { extensionsOf, type UsedLayer } from "../../../model/layer.ts";
import type { Fn, Source } from "../../../model/model.ts";
import { asRefusal, invalidParameter } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import { isAbsent, itemsIn } from "../fields.ts";
import { lambdaLimits } from "../limits.ts";
import { layerVersionIn } from "./names.ts";
import { foundVersion } from "./read.ts";

/** Those that a body names, in its order; undefined: it says nothing of them. Throws `Refusal`. */
export async function layersIn(exchange: Exchange): Promise<readonly UsedLayer[] | undefined> {
  if (isAbsent(exchange.body["Layers"])) return undefined;
  const arns = itemsIn(exchange.body, "Layers") ?? [];
  const { countMax } = lambdaLimits.layers;
  if (arns.length > countMax) throw invalidParameter(`Cannot reference more than ${countMax} layers.`);
  const layers = await Promise.all(arns.map((arn) => usedAt(exchange, String(arn))));
  for (const [at, { namespace, name }] of layers.entries()) {
    const other = layers.findIndex((each) => each.namespace === namespace && each.name === name);
    if (other !== at)
      throw invalidParameter(
        `Two different versions of the same layer are not allowed to be referenced in the same function: ${String(arns[other])}, ${String(arns[at])}`,
      );
  }
  checkSum(layers, 0, "Layers consume more than the available size of");
  return layers;
}

async function usedAt({ context, namespace }: Exchange, arn: string): Promise<UsedLayer> {
  const named = layerVersionIn(arn, namespace, context.identity);
  if (named === null) throw noSuchVersion(arn);
  try {
    const { version } = await foundVersion({ context, namespace }, named, named.version);
    const { digest, bytes, unpackedBytes, extensions } = version;
    return { ...named, digest, bytes, unpackedBytes, ...(extensions === undefined ? {} : { extensions }) };
  } catch (error) {
    throw asRefusal(error).code === "ResourceNotFound" ? noSuchVersion(arn) : error;
  }
}

const noSuchVersion = (arn: string) => invalidParameter(`Layer version ${arn.slice(0, 200)} does not exist.`);

/** Throws `Refusal` where code is none that can have these layers, or all together are too large. */
export async function checkLayers({ context }: Exchange, source: Source, layers: readonly UsedLayer[]): Promise<void> {
  if (layers.length === 0) return;
  if (source.type === "image")
    throw invalidParameter("Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.");
  if (source.type !== "code")
    throw invalidParameter(
      "Layers are for functions with a runtime: deploy the program as bootstrap with the runtime provided.al2023",
    );
  const code = await context.images.findCode(source.digest);
  checkSum(layers, code?.bytes ?? 0, "Function code combined with layers exceeds the maximum allowed size of");
  const extensions = extensionsOf(layers);
  if (extensions.length > lambdaLimits.layers.extensionsMax)
    throw invalidParameter(
      `A function has at most ${lambdaLimits.layers.extensionsMax} extensions; its layers have ${extensions.length}: ${extensions.join(", ")}`,
    );
  if (extensions.length > 0 && source.kind.startsWith("go:"))
    throw invalidParameter(
      `Layers with extensions (${extensions.join(", ")}) need a kind with a shell: take the runtime provided.al2023 in place of the kind ${source.kind}`,
    );
}

/** Undefined: it keeps those it has. */
export function withLayers(fn: Fn, layers: readonly UsedLayer[] | undefined): Fn {
  const { source } = fn;
  if (source.type !== "code" || layers === undefined) return fn;
  const { layers: _before, ...bare } = source;
  return { ...fn, source: layers.length === 0 ? bare : { ...bare, layers } };
}

function checkSum(layers: readonly UsedLayer[], codeBytes: number, problem: string): void {
  const { unpackedBytesMax: max } = lambdaLimits;
  const sum = layers.reduce((bytes, { unpackedBytes }) => bytes + unpackedBytes, codeBytes);
  if (sum > max) throw invalidParameter(`${problem} ${max} bytes. The actual size is ${sum} bytes.`);
}
