import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { exits, Failure } from "../failure.ts";
import { filesOf } from "./folder-files.ts";
import { listingOf, zipOf } from "./zip.ts";

/** Where an action's code is. */
export type CodeSource =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "file"; readonly path: string }
  | { readonly type: "url"; readonly url: string; readonly place: string }
  | FolderSource;

export interface FolderSource {
  readonly type: "folder";
  readonly path: string;
  /** Folder of the manifest, where `include` and `exclude` begin. */
  readonly base: string;
  readonly include: readonly (readonly string[])[];
  readonly exclude: readonly string[];
  readonly place: string;
}

/** The code as it is sent: text as it is, anything else in base64. Throws a `Failure`. */
export async function loadCode(source: CodeSource, signal: AbortSignal): Promise<string> {
  switch (source.type) {
    case "text":
      return source.text;
    case "file":
      return asSent(readFileSync(source.path));
    case "url":
      return asSent(await fetched(source.url, source.place, signal));
    case "folder":
      return zipOf(filesOf(source)).toString("base64");
  }
}

/** Whether two codes as they are sent are the same: of zips only what is in them counts, as everybody packs them another way. */
export function isSameCode(one: string | undefined, other: string | undefined): boolean {
  if (one === other) return true;
  if (one?.startsWith(zipBegins) !== true || other?.startsWith(zipBegins) !== true) return false;
  const listing = listingOf(Buffer.from(one, "base64"));
  return listing !== null && listing === listingOf(Buffer.from(other, "base64"));
}

/** In base64. */
const zipBegins = "UEsDB";

function asSent(bytes: Buffer): string {
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString("utf8") : bytes.toString("base64");
}

async function fetched(url: string, place: string, signal: AbortSignal): Promise<Buffer> {
  const refuse = (why: string, cause?: unknown) =>
    new Failure({ code: "E_NO_CODE", exit: exits.usage, what: `The code at ${url} cannot be had`, where: place, why, cause });
  try {
    const answer = await fetch(url, { signal });
    if (!answer.ok) throw refuse(`It is answered with ${answer.status}`);
    return Buffer.from(await answer.arrayBuffer());
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw refuse((error as Error).message, error);
  }
}
