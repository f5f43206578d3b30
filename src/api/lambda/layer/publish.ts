import type { LayerContent, LayerVersion } from "../../../model/layer.ts";
import { archiveIn, storedArchive } from "../archive.ts";
import { invalidParameter, layerRefused, status, violates } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import { type Json, itemsIn, objectIn, textIn } from "../fields.ts";
import { lambdaLimits } from "../limits.ts";
import { jsonReply, nothingReply, type Reply } from "../reply.ts";
import { readDescription } from "../settings.ts";
import { changedLayer } from "./change.ts";
import { layerArn, layerOf, versionOf } from "./names.ts";
import { renderWhole } from "./render.ts";

/** Makes the next version of a layer of the caller's namespace, and the layer where there is none. */
export async function publishLayer(exchange: Exchange): Promise<Reply> {
  const { context, body } = exchange;
  const name = ownLayer(exchange);
  const said = {
    description: readDescription(body) ?? "",
    license: readLicense(body),
    runtimes: namesIn(body, "CompatibleRuntimes", lambdaLimits.layers.runtimesMax),
    architectures: namesIn(body, "CompatibleArchitectures", lambdaLimits.layers.architecturesMax),
    statements: {},
    users: {},
    createdAt: context.world.now(),
  };
  const content = await contentOf(exchange);
  const layer = await changedLayer(context, name, (before) => {
    const version = before.lastVersion + 1;
    return { ...before, lastVersion: version, versions: [...before.versions, { ...said, ...content, version }] };
  });
  return jsonReply(status.created, renderWhole(exchange, layer, layer.versions.at(-1) as LayerVersion));
}

/** Functions that have the version go on with it. */
export async function removeLayer(exchange: Exchange): Promise<Reply> {
  const number = versionOf(exchange);
  await changedLayer(exchange.context, ownLayer(exchange), (layer) => {
    const left = layer.versions.filter(({ version }) => version !== number);
    return left.length === layer.versions.length ? layer : { ...layer, versions: left };
  });
  return nothingReply;
}

/** What the path names, which only its own namespace changes. Throws `Refusal`. */
export function ownLayer(exchange: Exchange): ReturnType<typeof layerOf> {
  const name = layerOf(exchange);
  const { namespace, context } = exchange;
  if (name.namespace !== namespace) throw layerRefused(layerArn(context.identity, name, namespace));
  return name;
}

async function contentOf(exchange: Exchange): Promise<LayerContent> {
  const { images } = exchange.context;
  const archive = archiveIn(objectIn(exchange.body, "Content") ?? {});
  const { digest, bytes: unpackedBytes } = await storedArchive(exchange, archive);
  const { unpackedBytesMax } = lambdaLimits;
  if (unpackedBytes > unpackedBytesMax)
    throw invalidParameter(`Unzipped size must be smaller than ${unpackedBytesMax} bytes (it is ${unpackedBytes})`);
  const extensions = await images.extensionsIn(digest);
  return { digest, bytes: archive.bytes.length, unpackedBytes, ...(extensions.length === 0 ? {} : { extensions }) };
}

function readLicense(body: Json): string {
  const text = textIn(body, "LicenseInfo") ?? "";
  const { licenseCharactersMax: max } = lambdaLimits.layers;
  if (text.length > max)
    throw violates(`${text.slice(0, 60)}…`, "licenseInfo", `Member must have length less than or equal to ${max}`);
  return text;
}

function namesIn(body: Json, name: string, countMax: number): readonly string[] {
  const names = itemsIn(body, name) ?? [];
  const member = name.slice(0, 1).toLowerCase() + name.slice(1);
  if (names.length > countMax)
    throw violates(`[${names.length} values]`, member, `Member must have length less than or equal to ${countMax}`);
  for (const each of names)
    if (typeof each !== "string" || !/^[\w.]{1,40}$/.test(each))
      throw violates(String(each).slice(0, 60), member, "Member must be the name of one");
  return names as readonly string[];
}
