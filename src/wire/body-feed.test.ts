import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import type { BodySink, BodySource } from "../lib/body.ts";
import { ArrivingBody } from "./arriving-body.ts";
import { BodyFeed } from "./body-feed.ts";
import { FrameWriter, noBytes } from "./frame-writer.ts";
import { creditFrame, FrameReader, flagEnd, frameType } from "./frames.ts";

const windowBytes = 1000;

/** Gives its pieces one after the other, at once or in later turns, and heeds who wants no more. */
class Pieces implements BodySource {
  readonly bytes: number | undefined;
  readonly #pieces: Buffer[];
  readonly #later: boolean;
  readonly #error: Error | null;
  #sink: BodySink | null = null;
  cancelled = false;

  constructor(pieces: readonly Buffer[], bytes: number | undefined, later: boolean, error: Error | null) {
    this.#pieces = [...pieces];
    this.bytes = bytes;
    this.#later = later;
    this.#error = error;
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    if (this.#later) setImmediate(() => this.#give());
    else this.#give();
  }

  cancel(): void {
    this.cancelled = true;
  }

  #give(): void {
    if (this.cancelled) return;
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece === undefined) {
        if (this.#error === null) this.#sink?.end();
        else this.#sink?.fail(this.#error);
        this.cancelled = true;
        return;
      }
      if (!(this.#sink as BodySink).chunk(piece)) return;
      if (this.#later) return this.resume();
    }
  }
}

interface Case {
  readonly sizes: readonly number[];
  readonly known: boolean;
  readonly later: boolean;
  readonly held: boolean;
  /** The reader stops after every so many pieces, for a turn. */
  readonly pauseEvery: number;
  readonly error: Error | null;
}

/** Sends a body over a connection; what came, and the most that was on its way without having been taken. */
async function sent({ sizes, known, later, held, pauseEvery, error }: Case) {
  const pieces = sizes.map((size, index) => Buffer.alloc(size, index + 1));
  const whole = Buffer.concat(pieces);
  const source = new Pieces(pieces, known ? whole.length : undefined, later, error);
  const [here, there] = duplexPair();
  const failures: (Error | null)[] = [];
  let frames = 0;
  const feed: BodyFeed = new BodyFeed(7, new FrameWriter(here), source, held ? 0 : windowBytes, {
    head: () => ({ type: frameType.request, text: "head", bytes: noBytes }),
    fed() {},
    feedFailed(failure) {
      failures.push(failure);
      body.close(failure ?? new Error("length"));
    },
  });
  const body = new ArrivingBody(
    { taken: (bytes) => void there.write(creditFrame(7, bytes)), dropped() {} },
    undefined,
    windowBytes,
    !held,
  );
  const back = new FrameReader((_type, _id, _flags, payload) => feed.credit(payload.readUInt32BE(0)));
  here.on("data", (data: Buffer) => back.push(data));
  const forth = new FrameReader((type, _id, flags, payload) => {
    frames++;
    body.push(Buffer.from(type === frameType.request ? payload.subarray(8) : payload));
    if ((flags & flagEnd) !== 0) body.close();
  });
  there.on("data", (data: Buffer) => forth.push(data));
  if (held) feed.startHeld();
  else feed.start();
  const took: Buffer[] = [];
  const outcome = await new Promise<string>((resolve) => {
    body.pipe({
      chunk(data) {
        took.push(data);
        if (pauseEvery === 0 || took.length % pauseEvery !== 0) return true;
        setImmediate(() => body.resume());
        return false;
      },
      end: () => resolve("end"),
      fail: (failure) => resolve(failure.message),
    });
  });
  here.destroy();
  there.destroy();
  return { whole, took: Buffer.concat(took), outcome, failures, frames };
}

test("whatever the pieces, the turns and the reader: a body arrives whole, and never beyond its credit", async () => {
  const property = fc.asyncProperty(
    fc.array(fc.nat(2500), { maxLength: 8 }),
    fc.boolean(),
    fc.boolean(),
    fc.boolean(),
    fc.nat(3),
    async (sizes, known, later, held, pauseEvery) => {
      // `push` throws when there was no credit.
      const { whole, took, outcome } = await sent({ sizes, known, later, held, pauseEvery, error: null });
      assert.equal(outcome, "end");
      assert.ok(whole.equals(took));
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

test("a short body that is there is one frame", async () => {
  const { frames } = await sent({ sizes: [300, 200], known: true, later: false, held: false, pauseEvery: 0, error: null });
  assert.ok(frames <= 2, `${frames} frames`);
  const one = await sent({ sizes: [500], known: true, later: false, held: false, pauseEvery: 0, error: null });
  assert.equal(one.frames, 1);
});

test("a source that breaks off is told once, and its reader hears of it", async () => {
  for (const later of [false, true]) {
    const error = new Error("broken");
    const { outcome, failures } = await sent({ sizes: [10, 20], known: false, later, held: false, pauseEvery: 0, error });
    assert.deepEqual([outcome, failures], ["broken", [error]]);
  }
});
