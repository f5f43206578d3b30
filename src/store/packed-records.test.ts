import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { sampleActivation } from "../../test/samples.ts";
import { PlatformError } from "../model/error.ts";
import { parseId } from "../model/id.ts";
import { type Activation, activationStatuses, startTypes } from "../model/model.ts";
import { PackedRecords } from "./packed-records.ts";
import type { CallResult } from "./store.ts";

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => parseId(Buffer.from(bytes).toString("hex")) as string);
const name = fc.oneof(fc.constantFrom("guest", "fn1", "__proto__", ""), fc.string({ unit: "binary" }));
const time = fc.nat({ max: 8.64e15 });
const duration = fc.double({ min: 0, noNaN: true });
const count = fc.maxSafeNat();

const record: fc.Arbitrary<Activation> = fc
  .record(
    {
      id,
      namespace: name,
      appId: fc.option(name),
      functionId: name,
      functionName: name,
      revision: count,
      routeId: fc.option(name),
      status: fc.constantFrom(...activationStatuses),
      start: fc.constantFrom(...startTypes),
      attempt: count,
      error: fc.option(fc.record({ code: name, message: name }, { noNullPrototype: true })),
      startedAt: time,
      endedAt: time,
      waitMs: duration,
      createMs: duration,
      initMs: duration,
      runMs: duration,
      requestBytes: count,
      responseBytes: count,
      billedUnits: count,
      traceId: fc.option(name, { nil: undefined }),
      cause: fc.option(name, { nil: undefined }),
      provider: fc.option(name, { nil: undefined }),
      binding: fc.option(name, { nil: undefined }),
      activated: fc.constantFrom("trigger" as const, undefined),
      stepsMemoryMiB: fc.option(fc.integer({ min: 1, max: 4096 }), { nil: undefined }),
    },
    { noNullPrototype: true },
  )
  .map(withoutAbsent);

/** What is not there is no member. */
function withoutAbsent({ traceId, cause, provider, binding, activated, stepsMemoryMiB, ...rest }: Activation): Activation {
  return {
    ...rest,
    ...(traceId === undefined ? {} : { traceId }),
    ...(cause === undefined ? {} : { cause }),
    ...(provider === undefined ? {} : { provider }),
    ...(binding === undefined ? {} : { binding }),
    ...(activated === undefined ? {} : { activated }),
    ...(stepsMemoryMiB === undefined ? {} : { stepsMemoryMiB }),
  };
}

const result: fc.Arbitrary<CallResult | undefined> = fc.option(
  fc
    .record(
      {
        status: fc.integer({ min: 200, max: 599 }),
        contentType: fc.option(name),
        bytes: count,
        body: fc.uint8Array(),
        rules: fc.option(name, { nil: undefined }),
      },
      { noNullPrototype: true },
    )
    .map(withoutAbsentRules),
  { nil: undefined },
);

/** A member that is not there is none. */
function withoutAbsentRules({ rules, ...rest }: CallResult): CallResult {
  return { ...rest, ...(rules === undefined ? {} : { rules }) };
}

describe("packed records", () => {
  test("have the results of their calls, each its own", () => {
    const packed = new PackedRecords();
    fc.assert(
      fc.property(fc.array(fc.tuple(record, result), { maxLength: 40 }), (pairs) => {
        packed.clear();
        for (const [one, its] of pairs) packed.add(one, its);
        assert.deepEqual(
          pairs.map((_pair, row) => packed.resultIn(row)),
          pairs.map(([, its]) => its),
        );
        assert.equal(
          packed.rare.has("result"),
          pairs.some(([, its]) => its !== undefined),
        );
      }),
    );
  });

  test("come out as they went in, in order, also from a batch that was filled before", () => {
    const packed = new PackedRecords();
    fc.assert(
      fc.property(fc.array(record, { maxLength: 40 }), (records) => {
        packed.clear();
        for (const one of records) packed.add(one);
        assert.deepEqual([...packed], records);
        assert.equal(packed.count, records.length);
        assert.deepEqual([...PackedRecords.of(records)], records);
      }),
    );
  });

  test("grow as they must, and give back what they do not need any more", () => {
    const packed = new PackedRecords();
    const bytes: number[] = [];
    for (const total of [20_000, 20_000, 3, 1000]) {
      for (let number = 0; number < total; number++)
        packed.add(sampleActivation({ startedAt: number, functionId: `fn${number}` }));
      assert.equal(packed.count, total);
      assert.equal(packed.columns.startedAt.length, total);
      let number = 0;
      for (const { startedAt, functionId } of packed) assert.deepEqual([startedAt, functionId], [number, `fn${number++}`]);
      packed.clear();
      bytes.push(packed.columns.startedAt.buffer.byteLength);
    }
    assert.deepEqual(
      bytes.map((size) => size > 2_000_000),
      [true, true, false, false],
    );
  });

  test("tell their memory: what repeats costs once", () => {
    const packed = new PackedRecords();
    for (let number = 0; number < 1000; number++) packed.add(sampleActivation());
    assert.ok(packed.bytes < 200_000, `${packed.bytes}`);
    packed.add(sampleActivation({ error: { code: "function_failed", message: "x".repeat(100_000) } }));
    assert.ok(packed.bytes > 200_000, `${packed.bytes}`);
    const before = packed.bytes;
    packed.add(sampleActivation(), { status: 200, contentType: null, bytes: 5_000_000, body: new Uint8Array(5_000_000) });
    assert.ok(packed.bytes - before > 5_000_000, `${packed.bytes}`);
    packed.clear();
    assert.equal(packed.bytes, 0);
  });

  test("a batch is not packed twice, and holds no id that is none", () => {
    const packed = PackedRecords.of([sampleActivation()]);
    assert.equal(PackedRecords.of(packed), packed);
    assert.throws(() => packed.add(sampleActivation({ id: "1" })), PlatformError);
    assert.equal(packed.count, 1);
  });
});
