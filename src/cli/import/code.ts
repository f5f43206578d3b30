/** The code of functions as Lambda's API takes it. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { exits, Failure } from "../failure.ts";
import { listingOf, type ZipFile, zipOf } from "../manifest/zip.ts";
import { type Unnamed, unnamedIn } from "./brought-along.ts";
import { filesOf } from "./folder.ts";
import type { WantedCode } from "./wanted.ts";

export type Packed = PackedZip | { readonly image: string };

export interface PackedZip {
  readonly zip: Buffer;
  /** What Lambda calls its `CodeSha256`. */
  readonly hash: string;
  /** Of its files; null: it is a zip that cannot be listed. */
  readonly names: ReadonlySet<string> | null;
  readonly unnamed: readonly Unnamed[];
}

/** As AWS's own. */
const zipBytesMax = 50 * 1024 * 1024;

/** Packs each folder once, however many functions are in it. */
export class Packer {
  readonly #packed = new Map<string, Promise<Packed>>();

  /** Rejects with a `Failure`. */
  pack(code: WantedCode): Promise<Packed> {
    const { place: _, ...what } = { place: "", ...code };
    const key = JSON.stringify(what);
    const packed = this.#packed.get(key) ?? packedFrom(code);
    this.#packed.set(key, packed);
    return packed;
  }
}

async function packedFrom(code: WantedCode): Promise<Packed> {
  if (code.type === "image") return { image: code.uri };
  // Read only when it may be sent.
  if (code.type === "zip" && statSync(code.path).size > zipBytesMax) throw tooLarge(code, statSync(code.path).size);
  const files = code.type === "zip" ? [] : await filesFrom(code);
  const zip = code.type === "zip" ? readFileSync(code.path) : zipOf(files);
  if (zip.length > zipBytesMax) throw tooLarge(code, zip.length);
  return { zip, hash: createHash("sha256").update(zip).digest("base64"), names: namesIn(zip), unnamed: unnamedIn(files) };
}

async function filesFrom(code: Extract<WantedCode, { type: "inline" | "folder" }>): Promise<readonly ZipFile[]> {
  if (code.type === "folder") return await filesOf(code);
  return [{ name: code.file, body: Buffer.from(code.text), isProgram: false }];
}

function namesIn(zip: Buffer): ReadonlySet<string> | null {
  const listing = listingOf(zip);
  return listing === null ? null : new Set(listing.split("\n").map((line) => line.split(" ").slice(0, -3).join(" ")));
}

function tooLarge(code: WantedCode, bytes: number): Failure {
  return new Failure({
    code: "E_TOO_LARGE",
    exit: exits.usage,
    what: `The code is ${(bytes / 1024 / 1024).toFixed(1)} MB as a zip, at most 50 are taken`,
    where: "place" in code ? code.place : undefined,
    fix: "leave files out, or make a container image of it and say PackageType: Image",
  });
}
