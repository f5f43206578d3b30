import { createHash } from "node:crypto";

/** What names code: of an archive its bytes (`single` null), of a single file its name and its bytes. SHA-256 in hex. */
export function codeDigest(bytes: Buffer, single: string | null): string {
  const hash = createHash("sha256");
  if (single !== null) hash.update(`${single}\0`);
  return hash.update(bytes).digest("hex");
}
