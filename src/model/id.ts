/**
 * 128-bit, time-ordered ids: 48 bits of milliseconds, 80 bits that start random and count up within one millisecond, so
 * ids made by one process sort in the order they were made. One value, three spellings: 26 characters of Crockford
 * base32 (Fn, our API, and the form kept everywhere inside), 32 hex digits (OpenWhisk), a UUID (Lambda).
 */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Makes ids; `now` in milliseconds, `randomBytes` fills ten bytes. */
export function idMaker(now: () => number, randomBytes: (bytes: Uint8Array) => void): () => string {
  let lastMs = -1;
  const time: Time = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  // 80 bits as four whole numbers of 20 bits, so that counting up needs no BigInt.
  const tail = [0, 0, 0, 0] as [number, number, number, number];
  const seed = new Uint8Array(10);

  return () => {
    const ms = now();
    if (ms > lastMs) {
      lastMs = ms;
      encodeTime(time, ms);
      randomBytes(seed);
      fillTail(tail, seed);
    } else {
      // A clock that stands still or steps back keeps the last time: order matters more than the date.
      countUp(tail);
    }
    return encode(time, tail[0], tail[1], tail[2], tail[3]);
  };
}

function encodeTime(time: number[], ms: number): void {
  let rest = ms;
  for (let i = 9; i >= 0; i--) {
    time[i] = codes[rest % 32] as number;
    rest = Math.floor(rest / 32);
  }
}

/** In one piece: a string put together from parts leaves many times its size behind, and every call makes one of these. */
function encode(t: Time, a: number, b: number, c: number, d: number): string {
  // biome-ignore format: the time, then four characters for each part of the tail.
  return String.fromCharCode(
    t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9],
    code(a >>> 15), code(a >>> 10), code(a >>> 5), code(a),
    code(b >>> 15), code(b >>> 10), code(b >>> 5), code(b),
    code(c >>> 15), code(c >>> 10), code(c >>> 5), code(c),
    code(d >>> 15), code(d >>> 10), code(d >>> 5), code(d),
  );
}

type Time = [number, number, number, number, number, number, number, number, number, number];

const codes = Uint8Array.from(alphabet, (letter) => letter.charCodeAt(0));
const code = (value: number): number => codes[value & 31] as number;

function fillTail(tail: [number, number, number, number], seed: Uint8Array): void {
  const byte = (index: number) => seed[index] as number;
  // The top bit stays free, so that counting within a millisecond never overflows.
  tail[0] = (((byte(0) & 0x7f) << 12) | (byte(1) << 4) | (byte(2) >> 4)) & 0xfffff;
  tail[1] = (((byte(2) & 15) << 16) | (byte(3) << 8) | byte(4)) & 0xfffff;
  tail[2] = ((byte(5) << 12) | (byte(6) << 4) | (byte(7) >> 4)) & 0xfffff;
  tail[3] = (((byte(7) & 15) << 16) | (byte(8) << 8) | byte(9)) & 0xfffff;
}

function countUp(tail: [number, number, number, number]): void {
  for (let i = 3; i >= 0; i--) {
    const next = (tail[i] as number) + 1;
    tail[i] = next & 0xfffff;
    if (next <= 0xfffff) return;
  }
}

/** True for the 26-character spelling, upper case, at most 128 bits. */
export function isId(text: string): boolean {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);
}

/** The 32 hex digits that OpenWhisk shows. */
export function idToHex(id: string): string {
  // Of a call it is in the head, in the body and in the trace.
  if (id === lastId) return lastHex;
  writeHex(id, hexText, 0);
  lastId = id;
  lastHex = hexText.toString("latin1");
  return lastHex;
}

let lastId = "";
let lastHex = "";

/** The same 32 digits, written into `target` from `start` on: every call has its id written like this, and BigInt takes ten times as long. */
export function writeHex(id: string, target: Uint8Array, start: number): void {
  // The first two characters are 8 bits, each four of the others 20.
  const first = (digit(id, 0) << 5) | digit(id, 1);
  target[start] = hexCodes[(first >>> 4) & 15] as number;
  target[start + 1] = hexCodes[first & 15] as number;
  let at = start + 2;
  for (let i = 2; i < 26; i += 4) {
    const bits = (digit(id, i) << 15) | (digit(id, i + 1) << 10) | (digit(id, i + 2) << 5) | digit(id, i + 3);
    for (let shift = 16; shift >= 0; shift -= 4) target[at++] = hexCodes[(bits >>> shift) & 15] as number;
  }
}

const hexText = Buffer.alloc(32);
const hexCodes = Uint8Array.from("0123456789abcdef", (letter) => letter.charCodeAt(0));
const digits = new Uint8Array(128);
for (let i = 0; i < alphabet.length; i++) digits[alphabet.charCodeAt(i)] = i;

function digit(id: string, index: number): number {
  return digits[id.charCodeAt(index)] as number;
}

/** The UUID that Lambda shows. */
export function idToUuid(id: string): string {
  const hex = idToHex(id);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Any of the three spellings, in any case, as the 26 characters used inside; undefined when it is none of them. */
export function parseId(text: string): string | undefined {
  const upper = text.toUpperCase();
  if (isId(upper)) return upper;
  const hex = text.replaceAll("-", "");
  if (!/^[0-9a-fA-F]{32}$/.test(hex) || (text.length !== 32 && text.length !== 36)) return undefined;
  return idFromBigInt(BigInt(`0x${hex}`));
}

/** Milliseconds since the epoch at which the id was made. */
export function idTime(id: string): number {
  let ms = 0;
  for (let i = 0; i < 10; i++) ms = ms * 32 + alphabet.indexOf(id[i] as string);
  return ms;
}

function idFromBigInt(value: bigint): string {
  let rest = value;
  let text = "";
  for (let i = 0; i < 26; i++) {
    text = alphabet[Number(rest & 31n)] + text;
    rest >>= 5n;
  }
  return text;
}
