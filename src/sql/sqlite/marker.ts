/**
 * The small file beside a database that remembers it: `store.json` for `store.db`. It makes an empty, swapped or shortened
 * database loud (a server must never start empty by silence): it holds the database's creation id and how many commits
 * were known to be on disk. SQLite itself drops the tail of a damaged write-ahead log without a word.
 *
 * The count is written after each commit without a flush. So it can lag behind the database (power loss), which is harmless,
 * but it can never be ahead of it unless commits were lost.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { PlatformError } from "../../model/error.ts";

/** What the file says. `pid`: the last process that opened the database. */
export interface MarkerContent {
  readonly id: string;
  readonly pid: number;
  readonly commits: number;
}

/** The file's path for a database's path. */
export function markerPath(databasePath: string): string {
  return `${databasePath.replace(/\.db$/, "")}.json`;
}

/** The content, undefined when there is no such file. Throws when it is there and says nothing we understand. */
export function readMarker(path: string): MarkerContent | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new PlatformError("internal", `${path} cannot be read: check its owner and mode`, { cause: error });
  }
  const content = parse(text);
  if (content !== undefined) return content;
  throw new PlatformError("internal", `${path} is damaged. If the database beside it is good, delete ${path} and start again`);
}

/** The marker of an open database. */
export class Marker {
  readonly #descriptor: number;
  readonly #id: string;

  /** `new`: the file is written durably before anything else happens, for from now on the database may not vanish. */
  constructor(path: string, content: MarkerContent, state: "new" | "known") {
    this.#id = content.id;
    this.#descriptor = state === "known" ? openSync(path, "r+") : openSync(`${path}.new`, "w", 0o600);
    this.advance(content.commits);
    if (state === "known") return;
    fsyncSync(this.#descriptor);
    renameSync(`${path}.new`, path);
    syncFolder(dirname(path));
  }

  /** Notes that so many commits are on disk. A few microseconds: one small write in place, always of the same length. */
  advance(commits: number): void {
    writeSync(this.#descriptor, render({ id: this.#id, pid: process.pid, commits }), 0);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Padded, so that a shorter text never leaves the end of a longer one behind. */
function render(content: MarkerContent): string {
  const pid = String(content.pid).padStart(10);
  return `{"id":${JSON.stringify(content.id)},"pid":${pid},"commits":${String(content.commits).padStart(16)}}\n`;
}

function parse(text: string): MarkerContent | undefined {
  try {
    const { id, pid, commits } = JSON.parse(text) as Record<string, unknown>;
    if (typeof id !== "string" || typeof pid !== "number" || typeof commits !== "number") return undefined;
    return { id, pid, commits };
  } catch {
    return undefined;
  }
}

/** Makes the rename itself durable; where folders cannot be opened (Windows) the file system does it. */
function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, "r");
    fsyncSync(descriptor);
    closeSync(descriptor);
  } catch {
    // The marker's content is safe already; only its name could be lost with the power.
  }
}
