import { PlatformError } from "../../model/error.ts";

/** Bytes of a whole path and of one name in it; the latter is what Linux file systems take. */
const pathBytesMax = 1024;
const nameBytesMax = 255;

/**
 * The path of an archive's entry as names joined by single slashes, never empty, never leaving its folder; "" for the archive's own
 * top folder. Throws `invalid` for anything that could mean another place.
 */
export function parseEntryPath(name: string): string {
  const problem = problemOf(name);
  if (problem !== null) throw refusal(name, problem);
  const names = name.split("/").filter((part) => part !== "" && part !== ".");
  if (names.includes("..")) throw refusal(name, 'contains ".."');
  if (names.some((part) => Buffer.byteLength(part) > nameBytesMax)) {
    throw refusal(name, `has a name longer than ${nameBytesMax} bytes`);
  }
  return names.join("/");
}

function problemOf(name: string): string | null {
  if (name === "") return "has no name";
  if (Buffer.byteLength(name) > pathBytesMax) return `has a path longer than ${pathBytesMax} bytes`;
  if (name.includes("\0")) return "has a zero byte in its name";
  if (name.includes("\\")) return "has a backslash in its name";
  if (name.startsWith("/") || /^[A-Za-z]:(\/|$)/.test(name)) return "has an absolute path";
  // What a lenient decoder puts for bytes that are not UTF-8.
  if (name.includes("\ufffd") || !name.isWellFormed()) return "has a name that is not UTF-8";
  return null;
}

/** The error for an entry that is not taken: names it, cut and quoted so that it can be shown anywhere. */
export function refusal(name: string, why: string, cause?: unknown): PlatformError {
  const shown = JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
  return new PlatformError("invalid", `The archive is refused: entry ${shown} ${why}`, {
    details: { entry: name.slice(0, 1024) },
    cause,
  });
}
