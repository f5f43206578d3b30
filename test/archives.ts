/**
 * Archives made byte by byte for tests, because the tools that make good ones refuse to make bad ones.
 * An entry that sets only a name and data is a plain file.
 */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly data?: Buffer | string;
  /** Unix mode with its type bits; 0: the archive has none. */
  readonly mode?: number;
  readonly method?: number;
  readonly flags?: number;
  /** What the archive claims, where it lies. */
  readonly declaredBytes?: number;
  readonly declaredSum?: number;
}

export function makeZip(entries: readonly ZipEntry[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name as string);
    const data = Buffer.from((entry.data ?? "") as string);
    const method = entry.method ?? 8;
    const packed = method === 8 ? deflateRawSync(data) : data;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(entry.flags ?? 0x800, 2);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(entry.declaredSum ?? crc32(data), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(entry.declaredBytes ?? data.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const central = Buffer.alloc(14);
    central.writeUInt32LE((((entry.mode ?? 0o100644) << 16) >>> 0) as number, 6);
    central.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("504b01021403", "hex"), fields, central, name);
    bodies.push(Buffer.from("504b0304", "hex"), fields, name, packed);
    offset += 30 + name.length + packed.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, list, end]);
}

export interface TarEntry {
  readonly name: string | Buffer;
  readonly data?: Buffer | string;
  readonly mode?: number;
  /** The type character: 0 file, 1 hard link, 2 link, 3 and 4 devices, 5 folder, 6 pipe, x extended header. */
  readonly type?: string;
  readonly target?: string;
  readonly declaredBytes?: number;
  readonly modifiedAt?: number;
}

export function makeTar(entries: readonly TarEntry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const entry of entries) {
    const data = Buffer.from((entry.data ?? "") as string);
    const header = Buffer.alloc(512);
    Buffer.from(entry.name as string).copy(header, 0, 0, 100);
    header.write(octal(entry.mode ?? 0o644, 7), 100);
    header.write(octal(0, 7), 108);
    header.write(octal(0, 7), 116);
    header.write(octal(entry.declaredBytes ?? data.length, 11), 124);
    header.write(octal(entry.modifiedAt ?? 1_700_000_000, 11), 136);
    header.write("        ", 148);
    header.write(entry.type ?? "0", 156);
    header.write(entry.target ?? "", 157, 100);
    header.write("ustar\x0000", 257, "latin1");
    header.write(
      `${octal(
        header.reduce((sum, byte) => sum + byte, 0),
        6,
      )}\0 `,
      148,
      "latin1",
    );
    blocks.push(header, data, Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Extended header records for the entry that follows. */
export function paxHeader(records: Readonly<Record<string, string>>): TarEntry {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const bytes = Buffer.byteLength(rest);
    const length = bytes + String(bytes + String(bytes).length).length;
    return `${length}${rest}`;
  });
  return { name: "PaxHeader", type: "x", data: lines.join("") };
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
