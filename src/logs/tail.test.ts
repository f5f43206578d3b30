import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleActivation } from "../../test/samples.ts";
import { realWorld } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation, LogLine } from "../model/model.ts";
import { LogCollector } from "./collector.ts";
import type { LogEntry, LogOwner } from "./logs.ts";
import { memoryLogStore } from "./memory/store.ts";
import { LogTail, type TailFilter, type TailPlace, type TailSink } from "./tail.ts";

const world = realWorld();

/** A tail behind a collector; `listing` runs before each page of the past is read. */
function open(options: { listing?: () => Promise<void>; readersMax?: number } = {}) {
  const kept = memoryLogStore();
  const written: Activation[] = [];
  const collector = new LogCollector({
    store: kept,
    world,
    flushMs: 1,
    onKept: (entries, positions) => tail.kept(entries, positions),
  });
  const tail: LogTail = new LogTail({
    world,
    store: {
      async list(namespace, filter, page) {
        await options.listing?.();
        return await kept.list(namespace, filter, { ...page, limit: Math.min(page.limit, 7) });
      },
    },
    read: ({ namespace, id }) => collector.read(namespace, id),
    async *endedSince(_namespace, id) {
      await options.listing?.();
      const at = written.findIndex((one) => one.id === id);
      if (at === -1) throw new PlatformError("not_found", "gone");
      for (let next = at + 1; next < written.length; next++) yield [written[next] as Activation];
    },
    ...(options.readersMax === undefined ? {} : { readersMax: options.readersMax }),
  });
  const print = (text: string, owner: Partial<LogOwner> = {}) => {
    const log = collector.open({ ...guest, ...owner });
    log.line(line(text));
    log.end();
  };
  const end = (ended: Activation) => {
    tail.ended(ended);
    written.push(ended);
  };
  return { collector, tail, print, end };
}

const guest: LogOwner = { namespace: "guest", appId: null, functionId: "f", functionName: "hello", activationId: "a" };

function line(text: string): LogLine {
  return { at: world.now(), stream: "stdout", text };
}

/** A reader that notes what it is told; while `full` it has no room. */
function reader(tail: LogTail, filter: TailFilter = {}, after?: TailPlace) {
  const told: string[] = [];
  const places: (TailPlace | null)[] = [];
  const state = { full: false };
  const note = (text: string) => {
    if (!state.full) told.push(text);
    return !state.full;
  };
  const sink: TailSink = {
    line(entry: LogEntry, place) {
      if (!state.full) places.push(place);
      return note(entry.line.text);
    },
    activation({ id, status }, place) {
      if (!state.full) places.push(place);
      return note(`ended ${id} ${status}`);
    },
    lost: (count) => note(`lost ${count}`),
    room: async () => {},
    ended: () => void told.push("end"),
  };
  const close = tail.open("guest", filter, after, sink);
  return { told, places, state, close };
}

async function until(condition: () => boolean): Promise<void> {
  const endsAt = world.monotonic() + 10_000;
  while (!condition()) {
    assert.ok(world.monotonic() < endsAt, "it takes too long");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("readers get what passes their filter, and nothing of other namespaces", async () => {
  const { collector, tail, print } = open();
  const all = reader(tail);
  const one = reader(tail, { functionId: "g", text: "yes" });
  print("1");
  print("2 yes", { functionId: "g" });
  print("3", { functionId: "g" });
  print("4 yes", { namespace: "other", functionId: "g" });
  await collector.flush();
  tail.ended(record("a"));
  tail.ended(record("b", { functionId: "g", status: "timeout" }));
  tail.ended(record("c", { namespace: "other" }));
  assert.deepEqual(all.told, ["1", "2 yes", "3", "ended a success", "ended b timeout"]);
  assert.deepEqual(one.told, ["2 yes", "ended b timeout"]);
  one.close();
  print("5 yes", { functionId: "g" });
  await collector.flush();
  assert.equal(one.told.length, 2);
  assert.equal(tail.readers, 1);
  tail.close();
  assert.equal(all.told.at(-1), "end");
  assert.throws(() => reader(tail), hasCode("overloaded"));
});

test("the past joins what is printed meanwhile without gap or repetition, however much that is", async () => {
  let number = 0;
  const { collector, tail, print } = open({
    async listing() {
      for (let i = 0; i < (number < 3000 ? 400 : 3); i++) print(String(number++));
      await collector.flush();
    },
  });
  for (; number < 50; ) print(String(number++));
  await collector.flush();
  const from = reader(tail, { from: 1 });
  await until(() => from.told.length >= number);
  for (let i = 0; i < 20; i++) print(String(number++));
  await collector.flush();
  assert.deepEqual(
    from.told,
    Array.from({ length: number }, (_, index) => String(index)),
  );
  const next = number - 9;
  const again = reader(tail, {}, from.places[next - 1] ?? undefined);
  await until(() => again.told.length >= 9);
  assert.equal(again.told[0], String(next));
});

test("who comes back, from whatever was told last, misses no line and no end of a call, and is told none again", async () => {
  let meanwhile = 0;
  const { collector, tail, print, end } = open({
    async listing() {
      // What happens while the past is told is the future of the reader, once.
      if (meanwhile < 5) end(record(`m${meanwhile++}`));
    },
  });
  print("before");
  await collector.flush();
  end(record("before"));
  const all = reader(tail);
  for (let call = 1; call <= 5; call++) {
    print(`line ${call}`);
    await collector.flush();
    end(record(String(call), call === 3 ? { functionId: "g" } : {}));
    end(record(`x${call}`, { namespace: "other" }));
  }
  for (let seen = 1; seen < 10; seen++) {
    const again = reader(tail, {}, all.places[seen - 1] ?? undefined);
    await until(() => again.told.length >= all.told.length - seen);
    // Of the past, lines come before ends of calls.
    for (const kind of ["line", "ended"]) {
      const ofKind = (told: readonly string[]) => told.filter((text) => text.startsWith(kind));
      assert.deepEqual(ofKind(again.told), ofKind(all.told.slice(seen)), `from ${all.told[seen - 1]} on`);
    }
    assert.deepEqual(again.places.at(-1), all.places.at(-1));
    again.close();
  }
  const one = reader(tail, { functionId: "g" }, all.places[0] ?? undefined);
  await until(() => one.told.length > 0);
  assert.deepEqual(one.told, ["ended 3 success"]);
  const stranger = reader(tail, {}, { position: null, callId: "nobody" });
  await new Promise((resolve) => setImmediate(resolve));
  end(record("last"));
  await until(() => stranger.told.length >= 2);
  assert.deepEqual(stranger.told, ["ended last success", "lost 1"], "it hears that it may have missed something");
});

test("a reader without room loses lines, is told how many, and holds up nobody", async () => {
  const { collector, tail, print } = open();
  const slow = reader(tail);
  const quick = reader(tail);
  print("1");
  await collector.flush();
  slow.state.full = true;
  for (let i = 0; i < 10; i++) print("missed");
  await collector.flush();
  slow.state.full = false;
  print("2");
  await collector.flush();
  assert.deepEqual(slow.told, ["1", "2", "lost 10"]);
  assert.equal(quick.told.length, 12);
});

test("with a status, calls that ended so come whole once they have ended", async () => {
  const { tail, print, end } = open();
  end(record("before"));
  const failed = reader(tail, { status: "timeout" });
  print("of a", { activationId: "a" });
  print("of b", { activationId: "b" });
  end(record("a", { status: "timeout" }));
  end(record("b"));
  // Output trails its call.
  print("of a too", { activationId: "a" });
  await until(() => failed.told.length >= 3);
  assert.deepEqual(failed.told, ["of a", "of a too", "ended a timeout"]);
  const again = reader(tail, { status: "timeout" }, { position: null, callId: "before" });
  await until(() => again.told.length >= 3);
  assert.deepEqual(again.told, failed.told, "to who was away as well");
});

test("there is a limit of readers", async () => {
  const { tail } = open({ readersMax: 2 });
  const first = reader(tail);
  reader(tail);
  assert.throws(() => reader(tail), hasCode("throttled"));
  first.close();
  reader(tail);
});

function hasCode(code: string) {
  return (error: unknown) => error instanceof PlatformError && error.code === code;
}

function record(id: string, fields: Partial<Activation> = {}): Activation {
  return sampleActivation({ id, ...fields });
}
