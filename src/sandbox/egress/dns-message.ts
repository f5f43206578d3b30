/** The little of DNS messages that a forwarder must understand (RFC 1035). What is malformed is null, never an exception. */
import { isIPv4 } from "node:net";

const headBytes = 12;
const nameBytesMax = 255;
const recordsMax = 64;

export const recordType = { a: 1, cname: 5, aaaa: 28 } as const;

/** The one question of a query. */
export interface Question {
  /** In lower case, without the dot at the end; empty: the root. */
  readonly name: string;
  readonly type: number;
  /** Where the question ends in the message. */
  readonly end: number;
}

/** The question of a plain query: one question, no answer. */
export function readQuestion(message: Buffer): Question | null {
  if (message.length < headBytes || (message.readUInt16BE(2) & 0xf800) !== 0) return null;
  return readFirst(message);
}

/** The question that an answer repeats. */
export function answeredQuestion(message: Buffer): Question | null {
  if (message.length < headBytes || (message.readUInt16BE(2) & 0x8000) === 0) return null;
  return readFirst(message);
}

/** The addresses in an answer. Aliases are not followed: whoever answers has done so. */
export function readAddresses(message: Buffer): string[] {
  const question = answeredQuestion(message);
  if (question === null) return [];
  const found: string[] = [];
  let at = question.end;
  for (let left = Math.min(message.readUInt16BE(6), recordsMax); left > 0; left--) {
    const begin = skipName(message, at);
    if (begin === null || begin + 10 > message.length) break;
    const end = begin + 10 + message.readUInt16BE(begin + 8);
    if (end > message.length) break;
    const address = addressOf(message.readUInt16BE(begin), message.subarray(begin + 10, end));
    if (address !== null) found.push(address);
    at = end;
  }
  return found;
}

/** A query for a name of plain labels; null when it cannot be one. */
export function makeQuery(id: number, name: string, type: number): Buffer | null {
  const labels = name.split(".");
  if (name.length > 253 || labels.some((label) => label.length < 1 || label.length > 63)) return null;
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const parts = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, "latin1")]));
  return Buffer.concat([head, ...parts, Buffer.from([0, 0, type, 0, 1])]);
}

/** An answer of our own: `noError` with these IPv4 addresses, or that there is no such name. */
export function makeAnswer(query: Buffer, question: Question, addresses: readonly string[] | "noName" | "failed"): Buffer {
  const code = { noName: 3, failed: 2 };
  const records = typeof addresses === "string" ? [] : addresses.filter(isIPv4);
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(query.readUInt16BE(0), 0);
  // An answer, the asker's wish for recursion, recursion available.
  head.writeUInt16BE(0x8080 | (query.readUInt16BE(2) & 0x0100) | (typeof addresses === "string" ? code[addresses] : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  // A pointer to the question's name, its type and class, 60 seconds, four bytes.
  const fixed = Buffer.from([0xc0, headBytes, 0, recordType.a, 0, 1, 0, 0, 0, 60, 0, 4]);
  const answers = records.flatMap((address) => [fixed, Buffer.from(address.split(".").map(Number))]);
  return Buffer.concat([head, query.subarray(headBytes, question.end), ...answers]);
}

function readFirst(message: Buffer): Question | null {
  if (message.readUInt16BE(4) !== 1) return null;
  const labels: string[] = [];
  let at = headBytes;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at - headBytes > nameBytesMax) return null;
    at += 1;
    if (length === 0) break;
    if (at + length > message.length) return null;
    labels.push(message.toString("latin1", at, at + length).toLowerCase());
    at += length;
  }
  if (at + 4 > message.length) return null;
  // A dot inside of a label would make it look like another name.
  if (labels.some((label) => label.includes("."))) return null;
  return { name: labels.join("."), type: message.readUInt16BE(at), end: at + 4 };
}

function skipName(message: Buffer, from: number): number | null {
  for (let at = from; at < message.length && at - from <= nameBytesMax; ) {
    const length = message[at] as number;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return null;
    at += 1 + length;
  }
  return null;
}

function addressOf(type: number, data: Buffer): string | null {
  if (type === recordType.a && data.length === 4) return data.join(".");
  if (type !== recordType.aaaa || data.length !== 16) return null;
  return Array.from({ length: 8 }, (_, index) => data.readUInt16BE(index * 2).toString(16)).join(":");
}
