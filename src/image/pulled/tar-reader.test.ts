import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { makeTar, paxHeader } from "../../../test/archives.ts";
import { type TarEntry, TarReader } from "./tar-reader.ts";

interface Seen extends Partial<TarEntry> {
  data: string;
}

/** What is in an archive that arrives in pieces of some bytes. */
function read(archive: Buffer, pieceBytes = archive.length): Seen[] {
  const seen: Seen[] = [];
  const reader = new TarReader({
    begin: ({ type, path, target, size }) => seen.push({ type, path, target, size, data: "" }),
    data: (piece) => {
      (seen.at(-1) as Seen).data += piece.toString("latin1");
    },
    end() {},
  });
  for (let at = 0; at < archive.length; at += pieceBytes) reader.push(archive.subarray(at, at + pieceBytes));
  reader.finish();
  return seen;
}

const file = (path: string, data: string): Seen => ({ type: "file", path, target: "", size: data.length, data });

test("an archive of another program is read, long names and all, whatever the pieces it comes in", () => {
  const folder = mkdtempSync(join(tmpdir(), "tar-"));
  const long = `${"d".repeat(120)}/${"f".repeat(200)}`;
  try {
    mkdirSync(join(folder, "in", "d".repeat(120)), { recursive: true });
    writeFileSync(join(folder, "in", long), "x".repeat(1500));
    writeFileSync(join(folder, "in/ä"), "short");
    for (const format of ["gnu", "pax", "ustar"]) {
      const archive = execFileSync("tar", [
        `--format=${format}`,
        "--sort=name",
        "-C",
        join(folder, "in"),
        "-cf",
        "-",
        "ä",
        ...(format === "ustar" ? [] : [long]),
      ]);
      for (const pieceBytes of [1, 511, 513, archive.length]) {
        const names = read(archive, pieceBytes).map(({ path, size, data }) => [path, size, data.length]);
        assert.deepEqual(names, [["ä", 5, 5], ...(format === "ustar" ? [] : [[long, 1500, 1500]])], format);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("extended headers say what a header can't, and end with their entry", () => {
  const archive = makeTar([
    paxHeader({ path: "a/b", linkpath: "t", size: "3" }),
    { name: "x", data: "abc", declaredBytes: 99 },
    { name: "y" },
  ]);
  assert.deepEqual(read(archive), [{ ...file("a/b", "abc"), target: "t" }, file("y", "")]);
});

for (const [name, archive, message] of [
  ["no archive", Buffer.alloc(512, "x"), /no tar archive/],
  ["one that breaks off", makeTar([{ name: "a", data: "x".repeat(2000) }]).subarray(0, 1024), /in the middle/],
  ["a sparse file", makeTar([paxHeader({ "GNU.sparse.major": "1" }), { name: "a" }]), /sparse/],
  ["an extended header without end", makeTar([{ name: "p", type: "x", data: "x", declaredBytes: 2_000_000 }]), /too long/],
  ["a malformed extended header", makeTar([{ name: "p", type: "x", data: "99 path=a\n" }]), /malformed/],
  ["a negative size", makeTar([paxHeader({ size: "-1" }), { name: "a" }]), /malformed/],
] as const) {
  test(`what is refused: ${name}`, () => {
    assert.throws(() => read(archive), message);
  });
}

test("no bytes make it do anything but read or refuse", () => {
  const good = makeTar([paxHeader({ path: "long" }), { name: "a", data: "abc" }, { name: "b", type: "2", target: "a" }]);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      try {
        read(bytes, 100);
      } catch (error) {
        assert.equal((error as Error).constructor, Error);
      }
    }),
    { numRuns: 300 },
  );
});
