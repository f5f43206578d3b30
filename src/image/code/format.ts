import { PlatformError } from "../../model/error.ts";

/** What uploaded bytes are. */
export type Format = "zip" | "tar" | "tar.gz" | "file";

/** Formats that people try and that we name in the refusal, by their first bytes. */
const strangers: readonly (readonly [string, string])[] = [
  ["425a68", "bzip2"],
  ["fd377a585a00", "xz"],
  ["28b52ffd", "zstd"],
  ["377abcaf271c", "7z"],
  ["526172211a07", "rar"],
];

/**
 * Decides by the first bytes; the name only speaks where they say nothing. Throws `invalid` for an archive of another format,
 * and for a name that promises an archive which the bytes are not.
 */
export function detectFormat(bytes: Buffer, fileName: string | null): Format {
  if (startsWith(bytes, "504b0304") || startsWith(bytes, "504b0506")) return "zip";
  if (startsWith(bytes, "1f8b")) return "tar.gz";
  if (bytes.length >= 512 && bytes.toString("latin1", 257, 262) === "ustar") return "tar";
  const stranger = strangers.find(([head]) => startsWith(bytes, head));
  if (stranger) throw unreadable(`it is ${stranger[1]}; send a zip, a tar or a tar.gz`);
  const promised = /\.(zip|tar|tgz|tar\.gz)$/i.exec(fileName ?? "")?.[1]?.toLowerCase();
  // Tar files from before POSIX have no mark; the reader checks their sums.
  if (promised === "tar" && bytes.length >= 1024) return "tar";
  if (promised !== undefined) throw unreadable(`its name ends in .${promised} but it is not one, or its beginning is missing`);
  return "file";
}

/** True for a program that the kernel can start: ELF, or a script with an interpreter line. */
export function looksExecutable(head: Uint8Array): boolean {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 4));
  return startsWith(bytes, "7f454c46") || startsWith(bytes, "2321");
}

/** The error for an archive that cannot be read as a whole. */
export function unreadable(why: string, cause?: unknown): PlatformError {
  return new PlatformError("invalid", `The archive is refused: ${why}`, { cause });
}

/** What a reader of archives threw, as an error for the caller: a full disk is not the archive's fault. */
export function asArchiveError(error: unknown, format: string): PlatformError {
  if (error instanceof PlatformError) return error;
  if (error instanceof Error && "syscall" in error) {
    return new PlatformError("internal", "The code cannot be stored: the platform's disk refuses it", { cause: error });
  }
  return unreadable(`the ${format} is damaged or cut off (${error instanceof Error ? error.message : String(error)})`, error);
}

function startsWith(bytes: Buffer, hex: string): boolean {
  return bytes.length >= hex.length / 2 && bytes.toString("hex", 0, hex.length / 2) === hex;
}
