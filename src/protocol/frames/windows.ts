/** How much of a body may be on its way before its reader gives credit (docs/frames.md). */
import { Breach } from "./heads.ts";

/** For a runtime that names no window, in bytes. */
export const requestWindowDefault = 64 * 1024;

/** What the answers of one sandbox may make us keep while nobody reads them, and what of it one answer may. */
const windows = { sandboxBytes: 16 * 1024 * 1024, bytesMin: 16 * 1024, bytesMax: 256 * 1024 };

/** How much of an answer may come before there is credit, in bytes. */
export function answerWindow(concurrency: number): number {
  return Math.max(windows.bytesMin, Math.min(windows.bytesMax, Math.floor(windows.sandboxBytes / concurrency)));
}

/** The window of a hello. Throws `Breach`. */
export function readWindow(value: unknown): number {
  if (value === undefined) return requestWindowDefault;
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff) return value as number;
  throw new Breach("a hello whose window is no whole number of bytes");
}

/** The payload of a credit frame. Throws `Breach`. */
export function readCredit(payload: Buffer): number {
  if (payload.length !== 4) throw new Breach(`a credit frame of ${payload.length} bytes instead of 4`);
  return payload.readUInt32BE(0);
}
