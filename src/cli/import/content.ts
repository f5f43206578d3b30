/** Code that lies beside the file that is imported. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { isInside } from "./inside.ts";
import { type Known, Unknown } from "./intrinsics.ts";
import type { Property } from "./property.ts";
import type { WantedCode } from "./wanted.ts";

interface Around {
  /** Where paths begin. */
  readonly folder: string;
  /** Nothing outside of it is code. */
  readonly root: string;
}

type FileCode = Extract<WantedCode, { type: "folder" | "zip" }>;

/** Content that the CDK put beside its template, which itself names a bucket; undefined: there is none. */
export function assetAt(around: Around, metadata: Known, where: Property): FileCode | null | undefined {
  const { "aws:asset:path": path } = metadata;
  return typeof path === "string" ? contentAt(around, where.as(path)) : undefined;
}

/** Content that lies beside the file; null: it does not, which is remarked. */
export function contentAt({ folder, root }: Around, where: Property): FileCode | null {
  if (typeof where.value === "object" && !(where.value instanceof Unknown)) {
    where.missing("the code is in S3", "name a folder beside the file in its place");
    return null;
  }
  const text = where.text();
  if (where.isThere && text === undefined) return null;
  if (text !== undefined && /^(?:s3|https?):\/\//.test(text)) {
    where.missing(`the code is at ${text.slice(0, 80)}`, "name a folder beside the file in its place");
    return null;
  }
  const path = resolve(folder, text ?? ".");
  const place = where.placed();
  if (!isInside(root, path)) {
    where.missing(`${text} is outside of the project`, "name the folder that both are in with --root");
    return null;
  }
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    where.missing(`there is no ${text ?? "."}`, "correct the path, or build what belongs there");
    return null;
  }
  return found.isDirectory() ? { type: "folder", path, root, patterns: [], place } : { type: "zip", path, place };
}
