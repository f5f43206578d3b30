/** Frames of `application/vnd.amazon.eventstream`: two lengths and their CRC, headers, a payload, and a CRC of all that. Source: AWS, "Event stream encoding". */
import { crc32 } from "node:zlib";

/** A frame whose headers are texts. */
export function eventFrame(headers: Readonly<Record<string, string>>, payload: Buffer): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => headerBytes(name, value)));
  const total = preludeBytes + head.length + payload.length + crcBytes;
  const frame = Buffer.allocUnsafe(total);
  frame.writeUInt32BE(total, 0);
  frame.writeUInt32BE(head.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  head.copy(frame, preludeBytes);
  payload.copy(frame, preludeBytes + head.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, total - crcBytes)), total - crcBytes);
  return frame;
}

const preludeBytes = 12;
const crcBytes = 4;
/** The type of a header that is text. */
const textType = 7;

function headerBytes(name: string, value: string): Buffer {
  const text = Buffer.from(value);
  const length = Buffer.allocUnsafe(2);
  length.writeUInt16BE(text.length, 0);
  return Buffer.concat([Buffer.from([Buffer.byteLength(name)]), Buffer.from(name), Buffer.from([textType]), length, text]);
}
