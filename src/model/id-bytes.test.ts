import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PlatformError } from "./error.ts";
import { idToHex, parseId } from "./id.ts";
import { idBytes, readId, writeId } from "./id-bytes.ts";

const bits = fc.uint8Array({ minLength: idBytes, maxLength: idBytes });

test("an id's bytes are its hex digits, and lead back to it", () => {
  fc.assert(
    fc.property(bits, fc.nat(20), (bytes, at) => {
      const id = parseId(Buffer.from(bytes).toString("hex")) as string;
      const written = new Uint8Array(at + idBytes + 1).fill(0xaa);
      writeId(id, written, at);
      assert.equal(Buffer.from(written.subarray(at, at + idBytes)).toString("hex"), idToHex(id));
      assert.equal(readId(written, at), id);
      assert.deepEqual([written[at - 1] ?? 0xaa, written[at + idBytes]], [0xaa, 0xaa], "its neighbours are untouched");
    }),
  );
});

test("bytes sort as ids do", () => {
  fc.assert(
    fc.property(bits, bits, (one, other) => {
      const [first, second] = [readId(one, 0), readId(other, 0)];
      assert.equal(Math.sign(Buffer.compare(one, other)), first < second ? -1 : first > second ? 1 : 0);
    }),
  );
});

test("what is no id is refused", () => {
  const id = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
  const odd = ["", "x", id.slice(1), `${id}0`, `8${id.slice(1)}`, `${id.slice(0, -1)}U`, `${id.slice(0, 9)}é${id.slice(10)}`];
  for (const text of [...odd, id.toLowerCase(), `\u{1F600}${id.slice(2)}`]) {
    assert.throws(() => writeId(text, new Uint8Array(idBytes), 0), PlatformError, text);
  }
});
