import { existsSync, readFileSync } from "node:fs";
import { createRequire, findPackageJSON } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { nearest } from "../lib/nearest.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Logger } from "../telemetry/logger.ts";
import { type Extension, extensionVersion, type Host } from "./extensions.ts";
import { shapeFault } from "./shape.ts";

export interface LoadParts {
  readonly world: World;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  readonly platformVersion: string;
  /** Where relative paths begin and packages are looked for. */
  readonly folder: string;
}

/** A module may wait for something at its top level, but not for ever. */
const loadMsMax = 15_000;

/** Of these a server has one. */
const alone = ["store", "queue", "logStore", "sandboxDriver", "placement", "callOverrider", "urlAnnotator"] as const;

/**
 * Loads extensions, files or packages, in this order. Throws `invalid` naming the first one that cannot be used, why, and what to do; those
 * that were loaded before are closed then.
 */
export async function loadExtensions(names: readonly string[], parts: LoadParts): Promise<readonly Extension[]> {
  const loaded: { readonly name: string; readonly extension: Extension }[] = [];
  try {
    for (const name of names) {
      const extension = await load(name, parts);
      checkBeside(name, extension, loaded);
      loaded.push({ name, extension });
    }
  } catch (error) {
    for (const { extension } of loaded.toReversed()) await Promise.resolve(extension.close?.()).catch(() => {});
    throw error;
  }
  return loaded.map(({ extension }) => extension);
}

async function load(name: string, parts: LoadParts): Promise<Extension> {
  const late = Promise.withResolvers<never>();
  const stopClock = parts.world.after(loadMsMax, () =>
    late.reject(refused(name, `it was not ready within ${loadMsMax / 1000} s`, "let its module and its function end")),
  );
  try {
    return checked(name, await Promise.race([made(name, parts), late.promise]));
  } finally {
    stopClock();
  }
}

/** What the module's default export is or makes. */
async function made(name: string, parts: LoadParts): Promise<unknown> {
  const url = urlOf(name, parts.folder);
  const given = (await imported(name, url)).default;
  if (typeof given !== "function") return given;
  try {
    return await (given as (host: Host) => unknown)(hostOf(name, parts));
  } catch (error) {
    throw refused(name, `its function threw: ${messageOf(error)}`, "correct it, or leave it out of the extensions", error);
  }
}

async function imported(name: string, url: string): Promise<{ readonly default?: unknown }> {
  if (!existsSync(fileURLToPath(url)))
    throw refused(name, "there is no such file", "correct the path, which begins at the working directory");
  try {
    return (await import(url)) as { readonly default?: unknown };
  } catch (error) {
    throw refused(name, `it could not be loaded: ${messageOf(error)}`, "correct it, or leave it out of the extensions", error);
  }
}

/** A path begins with a dot or a slash; anything else is a package. */
function urlOf(name: string, folder: string): string {
  if (name.startsWith("file:")) return name;
  if (/^[./]/.test(name)) return pathToFileURL(resolve(folder, name)).href;
  const places = [join(folder, "package.json"), import.meta.filename];
  for (const place of places) {
    const found = packageEntry(name, place);
    if (found !== undefined) return pathToFileURL(found).href;
  }
  throw refused(
    name,
    `there is no package of that name in ${folder} or above, nor beside the platform`,
    `npm install ${name}, or write a file as ./${name}`,
  );
}

function packageEntry(name: string, place: string): string | undefined {
  try {
    return createRequire(place).resolve(name);
  } catch {
    return importEntry(name, place);
  }
}

/** The entry of a package that only `import` finds. */
function importEntry(name: string, place: string): string | undefined {
  try {
    const file = findPackageJSON(name, pathToFileURL(place));
    if (file === undefined) return undefined;
    const { exports } = JSON.parse(readFileSync(file, "utf8")) as { readonly exports?: unknown };
    const entry = entryIn(exports);
    return entry === undefined ? undefined : join(dirname(file), entry);
  } catch {
    return undefined;
  }
}

function entryIn(exports: unknown): string | undefined {
  if (typeof exports === "string") return exports;
  if (typeof exports !== "object" || exports === null) return undefined;
  const conditions = exports as Readonly<Record<string, unknown>>;
  return entryIn(conditions["."] ?? conditions["import"] ?? conditions["node"] ?? conditions["default"]);
}

function checked(name: string, given: unknown): Extension {
  if (typeof given !== "object" || given === null)
    throw refused(
      name,
      "its default export is no extension and no function that makes one",
      "export default { name, version: 1, … }",
    );
  const extension = given as Extension;
  if (extension.version !== extensionVersion) {
    throw refused(
      name,
      `it is for version ${JSON.stringify(extension.version)} of extensions, and this server has version ${extensionVersion}`,
      "install a version of it that fits this server",
    );
  }
  const fault = shapeFault(extension, (key, known) => nearest(key, known));
  if (fault !== null) throw refused(name, fault, "see docs/reference/extensions.md");
  return extension;
}

function checkBeside(
  name: string,
  extension: Extension,
  loaded: readonly { readonly name: string; readonly extension: Extension }[],
): void {
  const namesake = loaded.find((other) => other.extension.name === extension.name);
  if (namesake !== undefined)
    throw refused(name, `its name, ${extension.name}, is that of ${namesake.name}, too`, "name each extension once");
  for (const kind of alone) {
    const other = extension[kind] === undefined ? undefined : loaded.find((one) => one.extension[kind] !== undefined);
    if (other !== undefined)
      throw refused(name, `it brings a ${kind}, and so does ${other.name}; a server has one`, "leave out one of the two");
  }
}

function hostOf(name: string, { logger, platformVersion }: LoadParts): Host {
  return {
    platformVersion,
    log: {
      info: (sentence) => logger.info(sentence, { extension: name }),
      warn: (sentence) => logger.warn(sentence, { extension: name }),
      error: (sentence, err) => logger.error(sentence, { extension: name, err }),
    },
    refusal: (code, message) => new PlatformError(code, message),
  };
}

function refused(name: string, why: string, fix: string, cause?: unknown): PlatformError {
  return new PlatformError("invalid", `Extension ${name} can't be used: ${why}. To mend it: ${fix}.`, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
