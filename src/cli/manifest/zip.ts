import { crc32, deflateRawSync } from "node:zlib";

const fileSignature = 0x04034b50;
const entrySignature = 0x02014b50;
const endSignature = 0x06054b50;

export interface ZipFile {
  readonly name: string;
  readonly body: Buffer;
  readonly isProgram: boolean;
}

/** Files as a zip that depends on names, bytes and nothing else: images that speak OpenWhisk's contract take no other archive. */
export function zipOf(files: readonly ZipFile[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const packed = deflateRawSync(file.body);
    const name = Buffer.from(file.name);
    const fields = fieldsOf(file.body, packed, name);
    bodies.push(signature(fileSignature), fields, name, packed);
    directory.push(signature(entrySignature), Buffer.from([20, 3]), fields, placeOf(file.isProgram, offset), name);
    offset += 4 + fields.length + name.length + packed.length;
  }
  const list = Buffer.concat(directory);
  return Buffer.concat([...bodies, list, endOf(files.length, list.length, offset)]);
}

/** What both places say of a file. */
function fieldsOf(body: Buffer, packed: Buffer, name: Buffer): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(namesAreUtf8, 2);
  fields.writeUInt16LE(deflated, 4);
  fields.writeUInt16LE(firstOfJanuary1980, 8);
  fields.writeUInt32LE(crc32(body), 10);
  fields.writeUInt32LE(packed.length, 14);
  fields.writeUInt32LE(body.length, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

const namesAreUtf8 = 0x800;
const deflated = 8;
const firstOfJanuary1980 = 0x21;

function placeOf(isProgram: boolean, offset: number): Buffer {
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(((isProgram ? 0o100755 : 0o100644) << 16) >>> 0, 6);
  rest.writeUInt32LE(offset, 10);
  return rest;
}

function endOf(files: number, listBytes: number, offset: number): Buffer {
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files, 4);
  end.writeUInt16LE(files, 6);
  end.writeUInt32LE(listBytes, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([signature(endSignature), end]);
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/**
 * What is in a zip, whoever made it: two with the same listing have the same files. Null: it is none, or none that can be listed like
 * this.
 */
export function listingOf(zip: Buffer): string | null {
  const end = zip.lastIndexOf(signature(endSignature));
  if (end < 0 || end + 20 > zip.length || zip.readUInt32LE(0) !== fileSignature) return null;
  const lines: string[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (at + 46 > zip.length || zip.readUInt32LE(at) !== entrySignature) return null;
    const nameBytes = zip.readUInt16LE(at + 28);
    const name = zip.toString("utf8", at + 46, at + 46 + nameBytes);
    const isProgram = (zip.readUInt32LE(at + 38) >>> 16) & 0o100;
    lines.push(`${name} ${zip.readUInt32LE(at + 16)} ${zip.readUInt32LE(at + 24)} ${isProgram}`);
    at += 46 + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return lines.toSorted().join("\n");
}
