import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PlatformError } from "../../model/error.ts";
import { decodeBody, int32, nullableString, rawMap, string, stringMap, time, uint64 } from "./decode.ts";

const fields = { text: string, maybe: nullableString, int: int32, uint: uint64, map: stringMap, raw: rawMap, at: time };

/** `expected` undefined: "Invalid JSON". */
function check(body: string | Buffer, expected: Record<string, unknown> | undefined): void {
  test(`decodes ${String(body).slice(0, 60)}`, () => {
    const bytes = Buffer.from(body);
    if (expected !== undefined) assert.deepEqual(plain(decodeBody(bytes, fields)), expected);
    else assert.throws(() => decodeBody(bytes, fields), { code: "invalid", message: "Invalid JSON" });
  });
}

check('{"text":"a","TEXT":"b"}', { text: "b" });
check('{"text":"a","text":null}', { text: "a" });
check('{"maybe":"a","maybe":null}', { maybe: undefined });
check('{"maybe":""}', { maybe: "" });
check('{"map":{"a":"1"},"map":null}', { map: undefined });
check('{"map":{"a":"1"},"map":{"b":null}}', { map: { a: "1", b: "" } });
check('{"map":{}}', { map: {} });
check('{"raw":{"a":null,"b":[ 1.0 ]}}', { raw: { a: "null", b: "[1.0]" } });
check('{"text":"\\ud800"}', { text: "\ufffd" });
check(Buffer.from([0x7b, 0x22, 0x74, 0x65, 0x78, 0x74, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]), { text: "\ufffd" });
check('{"int":-2147483648,"uint":18446744073709551615}', { int: -2147483648, uint: 2 ** 64 });
check('{"int":-0}', { int: 0 });
check('{"uint":-0}', undefined);
check('{"int":2147483648}', undefined);
check('{"int":1.0}', undefined);
check('{"at":"2026-11-20T21:53:39.711Z"}', { at: "2026-11-20T21:53:39.711Z" });
check('{"at":"2026-11-20T21:53:39+01:00"}', { at: "2026-11-20T21:53:39+01:00" });
check('{"at":"2026-13-20T21:53:39Z"}', undefined);
check('{"at":"0001-01-01T00:00:00.000Z"}', { at: undefined });
check('{"at":"0001-01-01T01:00:00+01:00"}', { at: undefined });
check('{"map":{"a":{}}}', undefined);
check('{"constructor":1,"toString":2,"__proto__":3}', {});
check("\ufeff{}", undefined);

test("any bytes are either fields or Invalid JSON", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        try {
          decodeBody(Buffer.from(bytes), fields);
        } catch (error) {
          assert.ok(error instanceof PlatformError && error.message === "Invalid JSON");
        }
      },
    ),
    { numRuns: 500 },
  );
});

function plain(decoded: object): Record<string, unknown> {
  const entries = Object.entries(decoded).map(([key, value]) => [key, value instanceof Map ? Object.fromEntries(value) : value]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}
