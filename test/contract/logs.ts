/** What every log store must do, run by each implementation beside its own tests. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogEntry, LogStore } from "../../src/logs/logs.ts";

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

    it("a big batch", async (store) => {
      await store.append(Array.from({ length: 20_000 }, (_, index) => entry(`a${index % 100}`, `line ${index}`)));
      const lines = await store.read("guest", "a7");
      assert.deepEqual([lines.length, lines[0]?.text, lines[199]?.text], [200, "line 7", "line 19907"]);
    });
  });
}

function entry(activationId: string, text: string, stream: "stdout" | "stderr" | "platform" = "stdout"): LogEntry {
  return { namespace: "guest", functionId: "fn1", activationId, line: { at: 1_700_000_000_000, stream, text } };
}
