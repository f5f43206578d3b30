import assert from "node:assert/strict";
import { test } from "node:test";
import { idMaker, idTime, idToHex, idToUuid, isId, parseId } from "./id.ts";

/** A maker under a clock of its own; every random byte is `fill`. */
function maker(times: number[], fill: number): () => string {
  let last = 0;
  return idMaker(
    () => (last = times.shift() ?? last),
    (bytes) => bytes.fill(fill),
  );
}

test("an id has 26 characters and tells its time", () => {
  const id = maker([1_700_000_000_123], 0x5a)();
  assert.ok(isId(id), id);
  assert.equal(idTime(id), 1_700_000_000_123);
});

test("ids of one process sort in the order they were made", () => {
  const times = [5, 5, 5, 4, 6];
  const next = maker(times, 0xff);
  const ids = Array.from({ length: 1000 }, next);
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, ids.length);
});

test("counting up carries through all digits", () => {
  const next = maker([1], 0xff);
  const first = next();
  const second = next();
  assert.equal(first.slice(0, 10), second.slice(0, 10));
  assert.ok(second > first, `${second} after ${first}`);
});

test("the three spellings are one value", () => {
  const id = maker([1_700_000_000_123], 0x3c)();
  for (const spelling of [id, id.toLowerCase(), idToHex(id), idToHex(id).toUpperCase(), idToUuid(id)]) {
    assert.equal(parseId(spelling), id, spelling);
  }
  assert.match(idToUuid(id), /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
});

test("anything else is no id", () => {
  for (const text of [
    "",
    "x",
    "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "01JD000000000000000000000U",
    "0".repeat(31),
    "-".repeat(32),
    "g".repeat(32),
  ]) {
    assert.equal(parseId(text), undefined, text);
  }
});
