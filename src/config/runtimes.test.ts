import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseRuntimes } from "./runtimes.ts";

const swift = { kind: "swift:5.7", default: true, image: { registry: "r.example", prefix: "p", name: "swift", tag: "1" } };
const manifest = (entry: object) =>
  JSON.stringify({ runtimes: { swift: [{ ...swift, ...entry }] }, blackboxes: [{ name: "any" }] });

test("a manifest in OpenWhisk's shape, as text and as a file", () => {
  const reactive = { minCount: 1, maxCount: 4, ttl: "2 minutes", threshold: 2, increment: 3 };
  const text = manifest({
    requireMain: true,
    attached: { attachmentName: "codefile", attachmentType: "text/plain" },
    stemCells: [
      { initialCount: 2, memory: "256 MB", reactive },
      { initialCount: 0, memory: "1g" },
    ],
  });
  const expected = [
    {
      family: "swift",
      kind: "swift:5.7",
      isDefault: true,
      isDeprecated: false,
      requiresMain: true,
      image: "r.example/p/swift:1",
      stemCells: [
        { kind: "swift:5.7", memoryMiB: 256, count: 2, reactive: { min: 1, max: 4, ttlMs: 120_000, threshold: 2, increment: 3 } },
        { kind: "swift:5.7", memoryMiB: 1024, count: 0, reactive: null },
      ],
    },
  ];
  assert.deepEqual(parseRuntimes(text), expected);
  const folder = mkdtempSync(join(tmpdir(), "runtimes-"));
  try {
    writeFileSync(join(folder, "runtimes.json"), text);
    assert.deepEqual(parseRuntimes(join(folder, "runtimes.json")), expected);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  assert.deepEqual(parseRuntimes(" "), []);
});

for (const [text, expected] of [
  ["{", /is no JSON/],
  ["/nowhere/runtimes.json", /names a file that cannot be read \(ENOENT\)/],
  ["{}", /has something as "runtimes" that is no object/],
  ['{"runtimes":{"swift":[]}}', /has no list of kinds for "swift"/],
  [manifest({ default: false }), /has 0 defaults in the family "swift", must have one/],
  [manifest({ kind: "swift" }), /is not NAME:VERSION/],
  [manifest({ deprecated: "no" }), /has a "deprecated" of swift:5.7 that is neither true nor false/],
  [manifest({ image: {} }), /has an image of swift:5.7 without a name/],
  [manifest({ stemCells: {} }), /has "stemCells" of swift:5.7 that are no list/],
  [manifest({ stemCells: [{ initialCount: -1, memory: "256 MB" }] }), /has a "initialCount" of swift:5.7/],
  [manifest({ stemCells: [{ initialCount: 1, memory: "much" }] }), /whose memory is not such as "256 MB"/],
  [
    manifest({ stemCells: [{ initialCount: 1, memory: "256 MB", reactive: { minCount: 0, maxCount: 1, ttl: "soon" } }] }),
    /has a "ttl" of swift:5.7/,
  ],
] as const) {
  test(`refused: ${text.slice(0, 100)}`, () => assert.throws(() => parseRuntimes(text), expected));
}
