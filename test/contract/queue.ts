/** What every queue must do, run by each implementation beside its own tests. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { World } from "../../src/lib/world.ts";
import type { ErrorCode } from "../../src/model/error.ts";
import { PlatformError } from "../../src/model/error.ts";
import {
  type Delivery,
  inlineBytesMax,
  type Lane,
  type NewMessage,
  type Outcome,
  type Queue,
  type Waiting,
} from "../../src/queue/queue.ts";
import { type SetWorld, setWorld } from "../set-world.ts";

export interface OpenQueue {
  readonly queue: Queue;
  close(): Promise<void>;
}

type Body = (queue: Queue, world: SetWorld) => Promise<void>;

/** Registers the suite; `open` gives a new, empty queue each time. */
export function queueContract(name: string, open: (world: World) => Promise<OpenQueue>): void {
  const it = (title: string, body: Body) =>
    test(title, async () => {
      const world = setWorld();
      const { queue, close } = await open(world);
      try {
        await body(queue, world);
      } finally {
        await close();
      }
    });

  describe(`queue contract: ${name}`, { concurrency: false }, () => {
    testDelivery(it);
    testOutcomes(it);
    testTime(it);
    testBodies(it);
    testListing(it);
    testCancel(it);
    testHold(it);
    testDeadLetters(it);
    testRetention(it);
  });
}

type It = (title: string, body: Body) => void;

/** A message of which everything has a default. */
export function aMessage(id: string, fields: Partial<NewMessage> = {}): NewMessage {
  const rest = { head: "{}", body: Buffer.from(id), delayMs: 0, ageMsMax: 3_600_000 };
  return { id, namespace: "guest", lane: "fn1", ...rest, ...fields };
}

const lane: Lane = { namespace: "guest", name: "fn1", suspect: false };
const leaseMs = 60_000;
const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ id }) => id);
const ack = ({ receipt }: Delivery, send: readonly NewMessage[] = []): Outcome => ({ type: "ack", receipt, send });
const retry = ({ receipt }: Delivery, afterMs: number, counted = true): Outcome => ({
  type: "retry",
  receipt,
  afterMs,
  counted,
  failure: { attempt: 1, at: 5, code: "function_failed", message: "no" },
});
const bury = ({ receipt }: Delivery): Outcome => ({
  type: "bury",
  receipt,
  failure: { attempt: 2, at: 6, code: "timeout", message: "late" },
  send: [],
});

async function take(queue: Queue, from = lane): Promise<Delivery> {
  const [delivery] = await queue.receive(from, 1, leaseMs);
  assert.ok(delivery !== undefined, "there is a message");
  return delivery;
}

function testDelivery(it: It): void {
  it("messages come back as they went in, in their order, to one receiver", async (queue) => {
    const body = Buffer.from([0, 255, 10]);
    await queue.send([aMessage("a", { head: '{"x":"é\\u0000"}', body })]);
    await Promise.all(["b", "c", "d", "e"].map((id) => queue.send([aMessage(id)])));
    const [first, second] = await Promise.all([queue.receive(lane, 2, leaseMs), queue.receive(lane, 2, leaseMs)]);
    assert.deepEqual(ids([...first, ...second]), ["a", "b", "c", "d"]);
    const [a] = first;
    assert.ok(a?.body !== null && a !== undefined);
    assert.deepEqual([a.head, Buffer.from(a.body), a.bodyBytes, a.attempt], ['{"x":"é\\u0000"}', body, 3, 1]);
    assert.deepEqual([a.expired, a.cancelled, a.damaged, a.failures], [false, false, false, []]);
    assert.deepEqual(ids(await queue.receive(lane, 9, leaseMs)), ["e"]);
    assert.deepEqual(await queue.receive(lane, 9, leaseMs), []);
  });

  it("lanes tell where something is due; one does not see another's", async (queue) => {
    assert.deepEqual(await queue.lanes(), { due: [], nextMs: null });
    await queue.send([aMessage("a"), aMessage("b", { lane: "fn2" }), aMessage("c", { namespace: "other" })]);
    const { due } = await queue.lanes();
    const names = due.map(({ namespace, name, suspect }) => `${namespace} ${name} ${suspect}`);
    assert.deepEqual(names.toSorted(), ["guest fn1 false", "guest fn2 false", "other fn1 false"]);
    assert.deepEqual(ids(await queue.receive({ ...lane, namespace: "other" }, 9, leaseMs)), ["c"]);
    assert.equal((await queue.lanes()).due.length, 2);
  });

  it("whoever receives is woken by what is sent", async (queue) => {
    let woken = 0;
    queue.onSent(() => woken++);
    await queue.send([aMessage("a")]);
    assert.ok(woken > 0);
  });

  it("of many senders and receivers at once each message goes to one", async (queue) => {
    const sent = Array.from({ length: 300 }, (_, index) => `m${index}`);
    const received: string[] = [];
    const receiver = async () => {
      while (received.length < sent.length) {
        const deliveries = await queue.receive(lane, 7, leaseMs);
        received.push(...ids(deliveries));
        await queue.settle(deliveries.map((delivery) => ack(delivery)));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([...sent.map((id) => queue.send([aMessage(id)])), receiver(), receiver(), receiver()]);
    assert.deepEqual(received.toSorted(), sent.toSorted());
    assert.deepEqual(await queue.lanes(), { due: [], nextMs: null });
    assert.deepEqual(await queue.stats(), { ready: 0, leased: 0, deadLetters: 0, oldestMs: 0 });
  });
}

function testOutcomes(it: It): void {
  it("acknowledged is gone, and what goes out with it is there", async (queue) => {
    await queue.send([aMessage("a")]);
    const a = await take(queue);
    assert.equal((await queue.find("guest", "a"))?.leased, true);
    assert.deepEqual(await queue.settle([ack(a, [aMessage("next")])]), []);
    assert.equal(await queue.find("guest", "a"), undefined);
    assert.deepEqual(ids(await queue.receive(lane, 9, leaseMs)), ["next"]);
  });

  it("an old receipt changes nothing, and what would go out with it stays", async (queue) => {
    await queue.send([aMessage("a")]);
    const first = await take(queue);
    await queue.settle([retry(first, 0)]);
    const second = await take(queue);
    assert.deepEqual(await queue.settle([ack(first, [aMessage("ghost")])]), ["a"]);
    assert.equal((await queue.find("guest", "a"))?.attempt, 2);
    assert.equal(await queue.find("guest", "ghost"), undefined);
    assert.deepEqual(await queue.settle([ack(second)]), []);
    assert.deepEqual(await queue.settle([ack(second)]), ["a"]);
  });

  it("again after a while, with the failures so far; an attempt that does not count is not counted", async (queue, world) => {
    await queue.send([aMessage("a")]);
    await queue.settle([retry(await take(queue), 5000)]);
    assert.deepEqual(await queue.receive(lane, 9, leaseMs), []);
    assert.deepEqual(await queue.lanes(), { due: [], nextMs: 5000 });
    world.pass(5000);
    const again = await take(queue);
    assert.deepEqual([again.attempt, again.failures.map(({ code }) => code)], [2, ["function_failed"]]);
    await queue.settle([retry(again, 0, false)]);
    assert.equal((await take(queue)).attempt, 2);
  });

  it("of many outcomes each is done", async (queue) => {
    await queue.send([aMessage("a"), aMessage("b"), aMessage("c")]);
    const [a, b, c] = (await queue.receive(lane, 9, leaseMs)) as [Delivery, Delivery, Delivery];
    await queue.settle([ack(a), retry(b, 0), bury(c)]);
    assert.deepEqual(ids(await queue.receive(lane, 9, leaseMs)), ["b"]);
    assert.deepEqual(await queue.stats(), { ready: 0, leased: 1, deadLetters: 1, oldestMs: 0 });
  });
}

function testTime(it: It): void {
  it("a lease that ran out hands the message over again, as suspect; one that is extended does not", async (queue, world) => {
    await queue.send([aMessage("a"), aMessage("b")]);
    const [a, b] = (await queue.receive(lane, 2, leaseMs)) as [Delivery, Delivery];
    world.pass(leaseMs - 1);
    await queue.extend([b.receipt], leaseMs);
    assert.deepEqual((await queue.lanes()).due, []);
    world.pass(1);
    assert.deepEqual((await queue.lanes()).due, [{ ...lane, suspect: true }]);
    assert.deepEqual(await queue.settle([ack(a)]), ["a"], "its receipt is old now");
    const again = await take(queue, { ...lane, suspect: true });
    assert.deepEqual([again.id, again.attempt], ["a", 2]);
    assert.deepEqual(await queue.settle([ack(again), ack(b)]), []);
  });

  it("a clock that is set moves no lease, no delay and no age", async (queue, world) => {
    for (const stepMs of [-3_600_000, 2 * 86_400_000]) {
      await queue.send([aMessage("held"), aMessage("old", { lane: "fn2", ageMsMax: 90_000 })]);
      const held = await take(queue);
      await queue.send([aMessage("late", { delayMs: 30_000 })]);
      world.step(stepMs);
      assert.deepEqual((await queue.lanes()).due, [{ ...lane, name: "fn2" }], "held is on lease, late is not due");
      world.pass(30_000);
      assert.deepEqual(ids(await queue.receive(lane, 9, leaseMs)), ["late"]);
      const old = await take(queue, { ...lane, name: "fn2" });
      assert.equal(old.expired, false);
      await queue.settle([retry(old, 0)]);
      world.pass(29_000);
      assert.deepEqual(await queue.settle([ack(held)]), []);
      world.pass(31_001);
      const expired = await take(queue, { ...lane, name: "fn2" });
      assert.equal(expired.expired, true);
      await queue.lanes();
      const late = await take(queue, { ...lane, suspect: true });
      await queue.settle([ack(expired), ack(late)]);
    }
  });

  it("depth and age", async (queue, world) => {
    await queue.send([aMessage("a"), aMessage("b", { delayMs: 60_000 })]);
    world.pass(2500);
    assert.deepEqual(await queue.stats(), { ready: 2, leased: 0, deadLetters: 0, oldestMs: 2500 });
    await take(queue);
    assert.deepEqual(await queue.stats(), { ready: 1, leased: 1, deadLetters: 0, oldestMs: 2500 });
  });
}

function testBodies(it: It): void {
  it("a large body is not handed over but asked for, as long as its message is there", async (queue) => {
    const body = Buffer.alloc(3_000_000, 7);
    await queue.send([aMessage("big", { body }), aMessage("edge", { body: Buffer.alloc(inlineBytesMax, 1) })]);
    const [big, edge] = (await queue.receive(lane, 2, leaseMs)) as [Delivery, Delivery];
    assert.deepEqual([big.body, big.bodyBytes], [null, body.length]);
    assert.equal(edge.body?.length, inlineBytesMax);
    assert.ok(body.equals(await queue.body("guest", "big")));
    await refused("not_found", queue.body("other", "big"));
    await queue.settle([bury(big)]);
    assert.ok(body.equals(await queue.body("guest", "big")), "of a dead letter too");
    await queue.redrive("guest", "big", { id: "renewed", head: "{}" });
    assert.ok(body.equals(await queue.body("guest", "renewed")));
    await queue.settle([ack(await take(queue))]);
    await refused("not_found", queue.body("guest", "renewed"));
  });
}

function testListing(it: It): void {
  it("what waits or is on lease is listed by id, the greatest first, in its lane only", async (queue, world) => {
    await queue.send([aMessage("a"), aMessage("b", { delayMs: 500 }), aMessage("c"), aMessage("d"), aMessage("e")]);
    await queue.send([aMessage("f", { lane: "fn2" }), aMessage("g", { namespace: "other" })]);
    const list = async (page: { before?: string; limit: number }) =>
      (await queue.listWaiting("guest", "fn1", page)).map(({ id, leased }) => (leased ? `${id} leased` : id));
    const a = await take(queue);
    await queue.settle([bury(await take(queue))]);
    assert.deepEqual(await list({ limit: 9 }), ["e", "d", "b", "a leased"]);
    assert.deepEqual(await list({ limit: 2 }), ["e", "d"]);
    assert.deepEqual(await list({ limit: 2, before: "d" }), ["b", "a leased"]);
    assert.deepEqual(await list({ limit: 2, before: "a" }), []);
    await queue.settle([ack(a)]);
    const [b] = (await queue.listWaiting("guest", "fn1", { limit: 1, before: "c" })) as [Waiting];
    assert.deepEqual([b.dueAt - b.sentAt, b.attempt, b.cancelled, b.head], [500, 0, false, "{}"]);
    assert.equal((await queue.find("guest", "b"))?.dueAt, world.now() + 500);
  });
}

function testCancel(it: It): void {
  it("cancelled is marked, and due before the others", async (queue) => {
    await queue.send([aMessage("a"), aMessage("b"), aMessage("c", { delayMs: 60_000 })]);
    assert.equal(await queue.cancel("guest", "c"), true);
    assert.equal(await queue.cancel("other", "a"), false);
    assert.equal(await queue.cancel("guest", "nobody"), false);
    const c = await take(queue);
    assert.deepEqual([c.id, c.cancelled], ["c", true]);
    const a = await take(queue);
    assert.deepEqual([a.id, a.cancelled], ["a", false]);
    assert.equal(await queue.cancel("guest", "a"), true);
    await queue.settle([retry(a, 0)]);
    const [first, b] = (await queue.receive(lane, 9, leaseMs)) as [Delivery, Delivery];
    // Due at the same time, they are in the order of sending.
    assert.deepEqual([first.id, first.cancelled, b.id, b.cancelled], ["a", true, "b", false]);
  });
}

function testHold(it: It): void {
  it("held is on lease from the first moment, and settled as any other", async (queue, world) => {
    const large = Buffer.alloc(inlineBytesMax + 1);
    const first = await queue.hold(aMessage("a", { body: large }), leaseMs);
    const second = await queue.hold(aMessage("b"), leaseMs);
    assert.deepEqual([(await queue.lanes()).due, queue.waitingCount("guest")], [[], 0]);
    assert.equal((await queue.find("guest", "a"))?.leased, true);
    assert.deepEqual(await queue.settle([{ type: "ack", receipt: first, send: [] }]), []);
    assert.equal(await queue.find("guest", "a"), undefined);
    await refused("not_found", queue.body("guest", "a"));
    // Its holder forgets it.
    world.pass(leaseMs + 1);
    const [delivery] = await queue.receive({ ...lane, suspect: true }, 9, leaseMs).then(async (none) => {
      assert.deepEqual(none, []);
      await queue.lanes();
      return await queue.receive({ ...lane, suspect: true }, 9, leaseMs);
    });
    assert.deepEqual([delivery?.id, delivery?.attempt], ["b", 2]);
    assert.deepEqual(await queue.settle([{ type: "ack", receipt: second, send: [] }]), ["b"]);
  });
}

function testDeadLetters(it: It): void {
  it("dead letters: listed newest first and by lane, shown, redriven, removed, in their namespace only", async (queue) => {
    const letters = ["a", "b", "c"].map((id) => aMessage(id));
    await queue.send([...letters, aMessage("d", { lane: "fn2" }), aMessage("e", { namespace: "other" })]);
    for (const from of [lane, { ...lane, name: "fn2" }, { ...lane, namespace: "other" }]) {
      for (const delivery of await queue.receive(from, 9, leaseMs)) await queue.settle([bury(delivery)]);
    }
    const first = await queue.listDead("guest", undefined, { limit: 3 });
    assert.deepEqual(
      first.items.map(({ id }) => id),
      ["d", "c", "b"],
    );
    const rest = await queue.listDead("guest", undefined, { limit: 3, after: first.next ?? undefined });
    assert.deepEqual([rest.items.map(({ id }) => id), rest.next], [["a"], null]);
    assert.deepEqual(
      (await queue.listDead("guest", "fn2", { limit: 3 })).items.map(({ id }) => id),
      ["d"],
    );
    const a = await queue.findDead("guest", "a");
    assert.deepEqual([a?.lane, a?.attempt, a?.bodyBytes, a?.failures[0]?.message], ["fn1", 1, 1, "late"]);
    assert.equal(await queue.findDead("other", "a"), undefined);
    await refused("not_found", queue.redrive("other", "a", { id: "x", head: "{}" }));
    await refused("not_found", queue.removeDead("other", "a"));
    await queue.removeDead("guest", "b");
    await queue.redrive("guest", "a", { id: "a2", head: '{"n":2}' });
    assert.equal(await queue.findDead("guest", "a"), undefined);
    const again = await take(queue);
    assert.deepEqual([again.id, again.head, again.attempt, again.failures], ["a2", '{"n":2}', 1, []]);
    assert.equal(Buffer.from(again.body ?? []).toString(), "a");
    assert.equal((await queue.stats()).deadLetters, 3);
  });
}

function testRetention(it: It): void {
  it("messages that wait are counted by namespace", async (queue) => {
    await queue.send([aMessage("a"), aMessage("b", { lane: "fn2" }), aMessage("c", { delayMs: 60_000 })]);
    await queue.send([aMessage("d", { namespace: "other" })]);
    const counts = () => ["guest", "other", "nobody"].map((namespace) => queue.waitingCount(namespace));
    assert.deepEqual(counts(), [3, 1, 0]);
    const a = await take(queue);
    assert.deepEqual(counts(), [2, 1, 0], "one on lease does not wait");
    await queue.settle([retry(a, 0)]);
    assert.deepEqual(counts(), [3, 1, 0]);
    await queue.settle([ack(await take(queue), [aMessage("e", { namespace: "other" })])]);
    assert.deepEqual(counts(), [2, 2, 0]);
    await queue.settle([bury(await take(queue, { ...lane, name: "fn2" }))]);
    assert.deepEqual(counts(), [1, 2, 0]);
    await queue.redrive("guest", "b", { id: "b2", head: "{}" });
    assert.deepEqual(counts(), [2, 2, 0]);
  });

  it("dead letters go by age and by count, the oldest first, with their bodies; each namespace has its own", async (queue, world) => {
    const die = async (id: string, fields: Partial<NewMessage> = {}) => {
      const message = aMessage(id, fields);
      await queue.send([message]);
      await queue.settle([bury(await take(queue, { ...lane, namespace: message.namespace }))]);
      world.pass(1000);
    };
    const left = async (namespace: string) =>
      (await queue.listDead(namespace, undefined, { limit: 9 })).items.map(({ id }) => id);
    const prune = async (since: number, countMax: number) => {
      let all = 0;
      for (let removed = 1; removed > 0; all += removed) removed = await queue.pruneDead({ since, countMax });
      return all;
    };
    const beganAt = world.now();
    await die("a", { body: Buffer.alloc(100_000, 1) });
    for (const id of ["b", "c", "d"]) await die(id, { body: Buffer.alloc(100_000, 2) });
    await die("x", { namespace: "other" });
    assert.equal(await prune(0, 4), 0);
    assert.equal(await prune(beganAt + 500, 9), 1);
    assert.deepEqual([await left("guest"), await left("other")], [["d", "c", "b"], ["x"]]);
    await refused("not_found", queue.body("guest", "a"));
    assert.equal(await prune(0, 2), 1);
    assert.deepEqual([await left("guest"), await left("other")], [["d", "c"], ["x"]]);
    await queue.redrive("guest", "c", { id: "c2", head: "{}" });
    assert.equal(await prune(world.now(), 1), 2);
    assert.deepEqual([await left("guest"), await left("other")], [[], []]);
    assert.equal((await queue.body("guest", "c2")).length, 100_000, "what was redriven is a call, no dead letter");
    assert.equal((await queue.stats()).ready, 1);
  });
}

async function refused(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof PlatformError && error.code === code);
}
