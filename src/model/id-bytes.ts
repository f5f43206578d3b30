/** The 128 bits of an id as 16 bytes, first byte first: shorter to keep and to compare than its spellings. */
import { PlatformError } from "./error.ts";

/** Length of an id in bytes. */
export const idBytes = 16;

const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** By character code. */
const values = new Int8Array(128).fill(-1);
for (let i = 0; i < letters.length; i++) values[letters.charCodeAt(i)] = i;

/** Writes an id, in its 26 characters, to the 16 bytes from `at`. Throws `internal` when it is none. */
export function writeId(id: string, bytes: Uint8Array, at: number): void {
  const first = (value(id, 0) << 5) | value(id, 1);
  bytes[at] = first;
  // One minus sign in all of them is enough to give away a character that does not belong.
  let signs = first;
  // The other 24 characters are three groups of 40 bits.
  for (let group = 0; group < 3; group++) {
    const high = twentyBits(id, 2 + 8 * group);
    const low = twentyBits(id, 6 + 8 * group);
    signs |= high | low;
    const to = at + 1 + 5 * group;
    bytes[to] = high >> 12;
    bytes[to + 1] = high >> 4;
    bytes[to + 2] = (high << 4) | (low >> 16);
    bytes[to + 3] = low >> 8;
    bytes[to + 4] = low;
  }
  if (signs < 0 || first > 255 || id.length !== 26) throw new PlatformError("internal", `${id} is not an id of 26 characters`);
}

/** The id in the 16 bytes from `at`, in its 26 characters. */
export function readId(bytes: Uint8Array, at: number): string {
  const byte = (index: number) => bytes[at + index] as number;
  let id = letter(byte(0) >> 5) + letter(byte(0));
  for (let from = 1; from < idBytes; from += 5) {
    const high = (byte(from) << 12) | (byte(from + 1) << 4) | (byte(from + 2) >> 4);
    const low = ((byte(from + 2) & 15) << 16) | (byte(from + 3) << 8) | byte(from + 4);
    for (const bits of [high, low]) id += letter(bits >> 15) + letter(bits >> 10) + letter(bits >> 5) + letter(bits);
  }
  return id;
}

function twentyBits(id: string, at: number): number {
  return (value(id, at) << 15) | (value(id, at + 1) << 10) | (value(id, at + 2) << 5) | value(id, at + 3);
}

/** -1 for what is no letter of an id, and for what is missing. */
function value(id: string, at: number): number {
  return values[id.charCodeAt(at)] ?? -1;
}

function letter(bits: number): string {
  return letters[bits & 31] as string;
}
