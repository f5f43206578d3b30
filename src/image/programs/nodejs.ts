import { readFile, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { PlatformError } from "../../model/error.ts";
import type { Layout } from "../layout.ts";
import { type FindProgram, insidePath, nothingToRun, pickFile, topFiles } from "./program.ts";

const endings = ["js", "mjs", "cjs"] as const;
const names = ["func", "index", "server", "app", "main"].flatMap((name) => endings.map((ending) => `${name}.${ending}`));
const manifestBytesMax = 1024 * 1024;

/** What runs our shim for plain handlers. */
export function nodejsShim(layout: Layout): readonly string[] {
  return [layout.node, `${layout.runtime}/main.cjs`];
}

/**
 * By itself Node leaves half of the memory that it sees to other programs, of which there are none here, and where that is little its young
 * objects get so small a part that emptying it takes most of the time (five times the processor time for a function that makes many).
 */
export function nodejsMemory(memoryMiB: number, env: Readonly<Record<string, string>>): readonly string[] {
  if (/--max[-_](?:old|semi|heap)/.test(env["NODE_OPTIONS"] ?? "")) return [];
  const youngMiB = Math.min(youngMiBMax, Math.max(1, Math.floor(memoryMiB / 8)));
  return [`--max-old-space-size=${memoryMiB}`, `--max-semi-space-size=${youngMiB}`];
}

/** What Node takes where memory is plenty. */
const youngMiBMax = 32;

/** `node FILE`: what package.json calls main, else a usual name, else the only source file. */
export async function nodejsProgram(kind: string, folder: string, layout: Layout): Promise<FindProgram> {
  const files = await topFiles(folder);
  const main = files.has("package.json") ? await mainOf(folder) : null;
  const found = main === null ? null : await resolveMain(folder, main);
  const file =
    main === null
      ? pickFile(
          files,
          names,
          endings.map((ending) => `.${ending}`),
        )
      : found;
  return () => {
    if (file !== null) return [layout.node, `${layout.code}/${file}`];
    if (main === null)
      throw nothingToRun(kind, "main in package.json, func.js, index.js, server.js, app.js, main.js (or .mjs, .cjs)", files);
    const message = `package.json names ${JSON.stringify(main.slice(0, 120))} as main, and there is no such file in the code: build it before packing, or correct package.json`;
    throw new PlatformError("invalid", message);
  };
}

async function mainOf(folder: string): Promise<string | null> {
  const file = join(folder, "package.json");
  if ((await stat(file)).size > manifestBytesMax) return null;
  try {
    const manifest = JSON.parse(await readFile(file, "utf8")) as { main?: unknown } | null;
    return typeof manifest?.main === "string" && manifest.main !== "" ? manifest.main : null;
  } catch {
    // Node itself gives the better message when it starts.
    return null;
  }
}

/** As Node resolves it: the file, with .js, or the index of a folder. Null when it is not there or outside. */
async function resolveMain(folder: string, main: string): Promise<string | null> {
  const path = insidePath(main);
  if (path === null) return null;
  for (const candidate of [path, `${path}.js`, posix.join(path, "index.js")]) {
    const facts = await stat(join(folder, candidate)).catch(() => null);
    if (facts?.isFile()) return candidate;
  }
  return null;
}
