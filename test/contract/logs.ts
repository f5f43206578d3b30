/** What every log store must do, run by each implementation beside its own tests. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogEntry, LogFilter, LogStore, StoredLine } from "../../src/logs/logs.ts";

/** A log store and how to be done with it. */
export interface OpenLogStore {
  readonly store: LogStore;
  close(): Promise<void>;
}

/** Registers the suite; `open` gives a new, empty log store each time. */
export function logsContract(name: string, open: () => Promise<OpenLogStore>): void {
  const it = (title: string, run: (store: LogStore) => Promise<void>) =>
    test(title, async () => {
      const { store, close } = await open();
      try {
        await run(store);
      } finally {
        await close();
      }
    });

  describe(`logs contract: ${name}`, { concurrency: false }, () => {
    it("lines come back in order, from several batches and mixed activations", async (store) => {
      await store.append([entry("a", "1"), entry("b", "x"), entry("a", "2")]);
      await store.append([]);
      await store.append([entry("a", "3", "stderr"), entry("a", "4", "platform")]);
      assert.deepEqual(
        (await store.read("guest", "a")).map(({ text, stream }) => `${stream} ${text}`),
        ["stdout 1", "stdout 2", "stderr 3", "platform 4"],
      );
      assert.deepEqual(await store.read("guest", "b"), [{ at: 1_700_000_000_000, stream: "stdout", text: "x" }]);
    });

    it("batches that are not waited for keep their order", async (store) => {
      await Promise.all(Array.from({ length: 50 }, (_, index) => store.append([entry("a", String(index))])));
      const texts = (await store.read("guest", "a")).map((line) => line.text);
      assert.deepEqual(
        texts,
        Array.from({ length: 50 }, (_, index) => String(index)),
      );
    });

    it("any text is data", async (store) => {
      const texts = ["", " ", "a\rb", "\u001b[31mred\u001b[0m", "\u0000", "é\u{1F600}\u2028", '"\\', "x".repeat(16_384)];
      await store.append(texts.map((text) => entry("a", text)));
      assert.deepEqual(
        (await store.read("guest", "a")).map((line) => line.text),
        texts,
      );
    });

    it("another namespace sees nothing, an unknown activation is empty", async (store) => {
      await store.append([entry("a", "secret")]);
      assert.deepEqual(await store.read("other", "a"), []);
      assert.deepEqual(await store.read("guest", "b"), []);
    });

    it("lists a namespace's lines both ways, page by page, without gap or repetition", async (store) => {
      const positions: number[] = [];
      for (let batch = 0; batch < 7; batch++) {
        const entries = Array.from({ length: 90 }, (_, index) => entry(`a${index % 3}`, `${batch}:${index}`));
        positions.push(...(await store.append([...entries, { ...entry("b", "x"), namespace: "other" }])));
      }
      assert.equal(new Set(positions).size, positions.length);
      const oldest = await all(store, {}, "oldest");
      assert.equal(oldest.length, 630);
      assert.deepEqual(
        oldest.map(({ position }) => position),
        oldest.map(({ position }) => position).toSorted((one, other) => one - other),
      );
      assert.deepEqual(
        new Set(oldest.map(({ line }) => line.text)),
        new Set(Array.from({ length: 630 }, (_, index) => `${Math.floor(index / 90)}:${index % 90}`)),
      );
      assert.deepEqual((await all(store, {}, "newest")).toReversed(), oldest);
      const { namespace, appId, functionId, functionName, activationId } = oldest[0] as StoredLine;
      assert.deepEqual([namespace, appId, functionId, functionName, activationId], ["guest", null, "fn1", "hello", "a0"]);
    });

    it("a page begins behind a position that is not there any more, or not yet", async (store) => {
      const positions = await store.append(["1", "2", "3"].map((text) => entry("a", text)));
      const after = async (position: number, order: "oldest" | "newest") =>
        (await store.list("guest", {}, { order, after: position, limit: 10 })).items.map(({ line }) => line.text);
      assert.deepEqual(await after(0, "oldest"), ["1", "2", "3"]);
      assert.deepEqual(await after(positions[1] as number, "oldest"), ["3"]);
      assert.deepEqual(await after(positions[1] as number, "newest"), ["1"]);
      assert.deepEqual(await after(Number.MAX_SAFE_INTEGER, "newest"), ["3", "2", "1"]);
      assert.deepEqual(await after(Number.MAX_SAFE_INTEGER, "oldest"), []);
    });

    it("filters by function, app, activation, text and time", async (store) => {
      const base = entry("a", "plain");
      await store.append([
        base,
        { ...base, functionId: "fn2", functionName: "other", appId: "app1", activationId: "b" },
        { ...base, activationId: "c", line: { at: base.line.at + 5000, stream: "stderr", text: "has a needle in it" } },
      ]);
      const check = async (filter: LogFilter, expected: string) => {
        const found = await all(store, filter, "oldest");
        assert.equal(found.map(({ activationId }) => activationId).join(), expected, JSON.stringify(filter));
      };
      await check({}, "a,b,c");
      await check({ functionId: "fn2" }, "b");
      await check({ functionId: "unknown" }, "");
      await check({ appId: "app1" }, "b");
      await check({ appId: null }, "a,c");
      await check({ appId: "unknown" }, "");
      await check({ activationId: "c" }, "c");
      await check({ text: "needle" }, "c");
      await check({ text: "Needle" }, "");
      await check({ from: base.line.at + 1 }, "c");
      await check({ from: base.line.at, functionId: "fn1", text: "a" }, "a,c");
    });

    it("prunes what is too old, then what is too much, oldest first and a little at a time", async (store) => {
      const start = 1_700_000_000_000;
      for (let second = 0; second < 20; second++) {
        const line = { at: start + second * 1000, stream: "stdout" as const, text: "x".repeat(1000) };
        await store.append([{ ...entry(`a${second}`, ""), line }]);
      }
      const prune = async (before: number, bytesMax: number) => {
        let steps = 0;
        while (await store.prune({ before, bytesMax })) assert.ok(++steps < 100, "it ends");
        return (await all(store, {}, "oldest")).map(({ line }) => (line.at - start) / 1000);
      };
      assert.equal((await prune(0, Number.MAX_SAFE_INTEGER)).length, 20);
      assert.equal((await prune(start + 5000, Number.MAX_SAFE_INTEGER))[0], 5);
      const left = await prune(0, 6000);
      assert.ok(left.length >= 4 && left.length <= 6, `${left.length} lines of 1 kB in 6 kB`);
      assert.equal(left.at(-1), 19);
      assert.deepEqual(await prune(Number.MAX_SAFE_INTEGER, 0), []);
      await store.append([entry("b", "new")]);
      assert.equal((await all(store, {}, "oldest")).length, 1);
    });

    it("a big batch", async (store) => {
      await store.append(Array.from({ length: 20_000 }, (_, index) => entry(`a${index % 100}`, `line ${index}`)));
      const lines = await store.read("guest", "a7");
      assert.deepEqual([lines.length, lines[0]?.text, lines[199]?.text], [200, "line 7", "line 19907"]);
    });
  });
}

/** Every line that passes, in pages of an odd size. */
async function all(store: LogStore, filter: LogFilter, order: "oldest" | "newest"): Promise<StoredLine[]> {
  const found: StoredLine[] = [];
  for (let after: number | undefined, pages = 0; ; pages++) {
    const page = await store.list("guest", filter, { order, after, limit: 37 });
    found.push(...page.items);
    if (page.next === null) return found;
    assert.ok(pages < 1000, "pages come to an end");
    after = page.next;
  }
}

function entry(activationId: string, text: string, stream: "stdout" | "stderr" | "platform" = "stdout"): LogEntry {
  const owner = { namespace: "guest", appId: null, functionId: "fn1", functionName: "hello", activationId };
  return { ...owner, line: { at: 1_700_000_000_000, stream, text } };
}
