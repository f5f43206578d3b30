/** What registries send as JSON is nobody's we know: it is looked at before it is believed. */
import { registryFailure } from "./failure.ts";
import { type Descriptor, type ImageConfig, type ImageManifest, mediaTypes, type Platform } from "./oci.ts";
import { digestPattern } from "./reference.ts";

const layersMax = 512;

interface IndexDocument {
  readonly manifests: readonly Descriptor[];
}

/** Whether it names manifests rather than layers. */
export function isIndex(document: unknown, mediaType: string): document is IndexDocument {
  const isNamed = mediaType === mediaTypes.index || mediaType === mediaTypes.dockerList;
  return isRecord(document) && Array.isArray(document["manifests"]) && (isNamed || document["layers"] === undefined);
}

/** Throws `registry_failed` for what is no manifest of an image. */
export function manifestOf(document: unknown): ImageManifest {
  if (!isRecord(document) || document["schemaVersion"] !== 2) {
    throw registryFailure("its manifest is not of version 2: it was made by a very old program; push it again with a newer one");
  }
  const { config, layers } = document;
  if (!isDescriptor(config) || !Array.isArray(layers) || !layers.every(isDescriptor)) {
    throw registryFailure("its manifest names no configuration or no layers: it is not of an image that can be run");
  }
  if (layers.length > layersMax) throw registryFailure(`it has more than ${layersMax} layers`);
  return { ...document, schemaVersion: 2, config, layers };
}

/** Throws `registry_failed` for what does not belong to the manifest. */
export function imageConfigOf(document: unknown, { layers }: ImageManifest): ImageConfig {
  const ids = isRecord(document) && isRecord(document["rootfs"]) ? document["rootfs"]["diff_ids"] : undefined;
  if (!isRecord(document) || !Array.isArray(ids) || !ids.every(isDigest)) {
    throw registryFailure("its configuration names no layers: it is not of an image that can be run");
  }
  if (ids.length !== layers.length) {
    throw registryFailure(`its manifest has ${layers.length} layers and its configuration ${ids.length}`);
  }
  checkRunConfig(document["config"]);
  return document as unknown as ImageConfig;
}

/** The manifest for a platform in an index. Throws `registry_failed` that lists what there is. */
export function pickPlatform({ manifests }: IndexDocument, wanted: Platform): Descriptor {
  const known = manifests.filter(isDescriptor);
  const fitting = known.filter(({ platform }) => platform?.os === wanted.os && platform.architecture === wanted.architecture);
  const picked = fitting.find(({ platform }) => platform?.variant === wanted.variant) ?? fitting[0];
  if (picked !== undefined) return picked;
  const names = known.map(({ platform }) => (platform === undefined ? "?" : `${platform.os}/${platform.architecture}`));
  const list = [...new Set(names)].slice(0, 12).join(", ");
  throw registryFailure(`it is not there for ${wanted.os}/${wanted.architecture}, only for ${list || "nothing"}`, {
    status: 404,
  });
}

function checkRunConfig(config: unknown): void {
  if (config === undefined || config === null) return;
  if (!isRecord(config)) throw registryFailure("its configuration is malformed");
  for (const name of ["Env", "Entrypoint", "Cmd"]) {
    const value = config[name] ?? [];
    if (!Array.isArray(value) || !value.every((each) => typeof each === "string" && !each.includes("\0"))) {
      throw registryFailure(`${name} in its configuration is no list of texts`);
    }
  }
  for (const name of ["User", "WorkingDir"]) {
    const value = config[name] ?? "";
    if (typeof value !== "string" || value.includes("\0")) throw registryFailure(`${name} in its configuration is no text`);
  }
}

function isDescriptor(value: unknown): value is Descriptor {
  if (!isRecord(value)) return false;
  const { mediaType, digest, size, platform } = value;
  const isWhole = typeof mediaType === "string" && isDigest(digest) && Number.isSafeInteger(size) && Number(size) >= 0;
  return isWhole && (platform === undefined || platform === null || isRecord(platform));
}

function isDigest(value: unknown): value is string {
  return typeof value === "string" && digestPattern.test(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
