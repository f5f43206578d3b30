import { createHash } from "node:crypto";
import type { PlatformError } from "../model/error.ts";
import { registryFailure } from "./failure.ts";

/** The digest of some bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** What is told of bytes that are not what they were to be. */
export function wrongDigest(what: string, wanted: string, got: string): PlatformError {
  return registryFailure(`the registry sent another ${what} than it was asked for: ${got} instead of ${wanted}`);
}
