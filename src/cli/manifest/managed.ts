import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Key of the annotation by which wskdeploy, and we, know what a project made. */
export const managedKey = "whisk-managed";

/** Its value, as wskdeploy writes it. */
export interface Managed {
  readonly file: string;
  readonly projectDeps: readonly [];
  readonly projectHash: string;
  readonly projectName: string;
}

/** What a project writes on all that it makes. `shown`: its file's name. */
export function managedBy(projectName: string, file: string, shown: string): Managed {
  return { file: shown, projectDeps: [], projectHash: hashOf(readFileSync(file)), projectName };
}

/** The project that made something; undefined: none said so. */
export function projectOf(annotations: Readonly<Record<string, unknown>>): string | undefined {
  const value = annotations[managedKey];
  if (typeof value !== "object" || value === null) return undefined;
  const { projectName } = value as Readonly<Record<string, unknown>>;
  return typeof projectName === "string" ? projectName : undefined;
}

/**
 * wskdeploy means to hash the length, and hashes the character of that number, then a word where it means a zero byte. What it
 * would have written itself is what its `sync` takes for up to date.
 */
function hashOf(content: Buffer): string {
  const isCharacter = content.length <= 0x10_ffff && (content.length < 0xd800 || content.length > 0xdfff);
  const length = isCharacter ? String.fromCodePoint(content.length) : "\uFFFD";
  return createHash("sha1").update(`OpenWhisk${length}golang\0`).update(content).digest("hex");
}
