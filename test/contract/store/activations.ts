/** Records of calls and their results. */
import assert from "node:assert/strict";
import type { CallResult } from "../../../src/store/store.ts";
import { type It, aBatch, activationId, anActivation, pages, refused } from "./samples.ts";

export function testActivations(it: It): void {
  it("activations: come back as they went in", async ({ activations }) => {
    const plain = anActivation(1, {});
    const failed = anActivation(2, {
      appId: null,
      routeId: "r1",
      status: "developer_error",
      start: "none",
      attempt: 3,
      error: { code: "function_start_failed", message: "SyntaxError: é\nat 1" },
      waitMs: 0.125,
      runMs: 1234.0001,
      traceId: "0af7651916cd43dd8448eb211c80319c",
      cause: plain.id,
      stepsMemoryMiB: 512,
    });
    await activations.append([plain, failed]);
    assert.deepEqual(await activations.get("guest", plain.id), plain);
    assert.deepEqual(await activations.get("guest", failed.id), failed);
    assert.equal(await activations.get("other", plain.id), undefined);
    assert.equal(await activations.get("guest", "nothing"), undefined);
  });

  it("activations: the first record of an id wins, within a batch and later", async ({ activations }) => {
    await activations.append([anActivation(1, { status: "timeout" }), anActivation(1, { status: "success" })]);
    await activations.append([anActivation(1, { status: "cancelled" }), anActivation(2, {})]);
    await activations.append([]);
    assert.equal((await activations.get("guest", activationId(1)))?.status, "timeout");
    assert.equal((await activations.get("guest", activationId(2)))?.status, "success");
  });

  it("activations: what a call answered is there with its record, and the first of an id wins", async ({ activations }) => {
    const result: CallResult = { status: 201, contentType: null, body: Buffer.from([0, 255]), bytes: 9 };
    const long = { status: 200, contentType: "text/plain", body: Buffer.alloc(100_000, "x"), bytes: 200_000 };
    const event = { ...result, body: Buffer.alloc(0), bytes: 0, rules: "[]" };
    const results = new Map<string, CallResult>([
      [activationId(2), result],
      [activationId(3), long],
      [activationId(5), event],
      [activationId(9), result],
    ]);
    const records = [1, 2, 3, 4, 5].map((number) => anActivation(number, {}));
    await activations.append(records, results);
    await activations.append([anActivation(2, {})], new Map([[activationId(2), { ...result, status: 500 }]]));
    const found = await Promise.all([1, 2, 3, 4, 5, 9].map((number) => activations.result("guest", activationId(number))));
    assert.deepEqual(
      found.map((one) => one && Object.assign(one, { body: Buffer.from(one.body) })),
      [undefined, result, long, undefined, event, undefined],
    );
    assert.equal(await activations.result("other", activationId(2)), undefined);
    assert.deepEqual(await activations.get("guest", activationId(3)), records[2]);
  });

  it("activations: are listed newest first, by namespace, function, status and time", async ({ activations }) => {
    const all = Array.from({ length: 40 }, (_, index) =>
      anActivation(index, {
        startedAt: 1000 + index,
        functionId: index % 2 === 0 ? "even" : "odd",
        status: index % 10 === 0 ? "timeout" : "success",
        namespace: index === 39 ? "other" : "guest",
      }),
    );
    // Calls end in another order than they began.
    await activations.append([...all.slice(20), ...all.slice(0, 20)]);
    const check = async (filter: Parameters<typeof activations.list>[1], expected: (index: number) => boolean) => {
      const ids = [...all.keys()]
        .filter((index) => index < 39 && expected(index))
        .toReversed()
        .map(activationId);
      for (const limit of [1, 7, 100]) {
        assert.deepEqual(
          await pages((page) => activations.list("guest", filter, page), limit, "id"),
          ids,
          JSON.stringify(filter),
        );
      }
      const part = await activations.latest("guest", filter, { skip: 3, limit: 4 });
      assert.deepEqual(
        part.map(({ id }) => id),
        ids.slice(3, 7),
        JSON.stringify(filter),
      );
      assert.equal(await activations.count("guest", filter), ids.length);
    };
    await check({}, () => true);
    await check({ functionId: "odd" }, (index) => index % 2 === 1);
    await check({ status: "timeout" }, (index) => index % 10 === 0);
    await check({ status: "success" }, (index) => index % 10 !== 0);
    await check({ functionId: "even", status: "timeout" }, (index) => index % 10 === 0);
    await check({ from: 1005, to: 1010 }, (index) => index >= 5 && index <= 10);
    await check({ functionId: "even", from: 1005 }, (index) => index % 2 === 0 && index >= 5);
    await check({ functionId: "nobody" }, () => false);
    assert.deepEqual((await activations.list("nobody", {}, { limit: 5 })).items, []);
  });

  it("activations: pages lose none of those that began in one millisecond", async ({ activations }) => {
    await activations.append(Array.from({ length: 10 }, (_, index) => anActivation(index, { startedAt: 1000 })));
    const ids = await pages((page) => activations.list("guest", {}, page), 3, "id");
    assert.deepEqual(
      ids,
      Array.from({ length: 10 }, (_, index) => activationId(9 - index)),
    );
  });

  it("activations: prune removes what is older, some at a time, and nothing else", async ({ activations }) => {
    await activations.append(Array.from({ length: 1200 }, (_, index) => anActivation(index, { startedAt: index })));
    let steps = 0;
    while (await activations.prune(1100)) steps++;
    assert.ok(steps >= 1 && steps < 100);
    const { items } = await activations.list("guest", {}, { limit: 1000 });
    assert.deepEqual([items.length, items.at(-1)?.startedAt], [100, 1100]);
    assert.equal(await activations.get("guest", activationId(1)), undefined);
    assert.equal(await activations.prune(1100), false);
  });

  it("activations: in the order of writing, from a record on, in its namespace", async ({ activations }) => {
    assert.equal(await activations.lastPlace(), 0);
    // The later one began, the earlier it was written.
    await activations.append(Array.from({ length: 1200 }, (_, index) => anActivation(index, { startedAt: 5000 - index })));
    await activations.append([anActivation(5000, { namespace: "other" }), anActivation(5001, {}), anActivation(5002, {})]);
    assert.equal(await activations.place("other", activationId(7)), undefined);
    assert.equal(await activations.lastPlace(), await activations.place("guest", activationId(5002)));
    const ids: string[] = [];
    let place: number | null = (await activations.place("guest", activationId(7))) ?? null;
    while (place !== null) {
      const found: Awaited<ReturnType<typeof activations.writtenAfter>> = await activations.writtenAfter("guest", place);
      ids.push(...found.items.map(({ id }) => id));
      place = found.next;
    }
    const written = Array.from({ length: 1192 }, (_, index) => activationId(index + 8));
    assert.deepEqual(ids, [...written, activationId(5001), activationId(5002)]);
  });

  it("activations: a page after a record that is not there is invalid, another tenant's included", async ({ activations }) => {
    await activations.append([anActivation(1, { namespace: "other" })]);
    await refused("invalid", activations.list("guest", {}, { limit: 5, after: "nothing" }));
    await refused("invalid", activations.list("guest", {}, { limit: 5, after: activationId(1) }));
  });

  it("activations: batches of thousands, several at once", async ({ activations }) => {
    await Promise.all([0, 2500, 5000, 5000].map((first) => activations.append(aBatch(first, 2500))));
    assert.equal((await pages((page) => activations.list("guest", {}, page), 1000, "id")).length, 7500);
  });
}
