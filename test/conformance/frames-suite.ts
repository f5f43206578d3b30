/** What docs/frames.md asks of a runtime, whatever its language: each test says frames to it and looks at those that come back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { callFrame, creditOf, end, frame, Peer, rawCallFrame, type } from "./frames-peer.ts";

/** A runtime with the functions of `test/functions/frames-*`. */
export interface FramesRuntime {
  readonly name: string;
  command(): Promise<readonly string[]>;
  readonly env?: Readonly<Record<string, string>>;
  /** Every handler writes its answer, so that a slow machine may send a first part of it before it is whole. */
  readonly writes?: boolean;
  /** The handlers that do the same, each in another way of the language; the name is that of the first one in JavaScript. */
  readonly handlers: Readonly<Record<FunctionName, readonly string[]>>;
}

type FunctionName =
  | "echo"
  | "relay"
  | "first"
  | "slow"
  | "endless"
  | "large"
  | "early"
  | "enough"
  | "fails"
  | "failsLater"
  | "refuses"
  | "prints"
  | "facts";

interface Opened {
  readonly peer: Peer;
  /** Of a request, before there is credit. */
  readonly window: number;
}

const windowBytes = 1000;

export function framesSuite(runtime: FramesRuntime): void {
  /** One test for each handler of that name, with one call at a time and with many. */
  const it = (name: string, fn: FunctionName, body: (opened: Opened) => Promise<void>, concurrencies = [1, 8]) => {
    for (const handler of runtime.handlers[fn]) {
      for (const concurrency of concurrencies) {
        test(`${runtime.name}: ${name} (${handler}, ${concurrency} at a time)`, { timeout: 60_000 }, async () => {
          const peer = new Peer({ command: await runtime.command(), ...(runtime.env && { env: runtime.env }) });
          try {
            const hello = await peer.open({ handler, concurrency, window: windowBytes });
            assert.equal(hello["protocol"], 1);
            await body({ peer, window: Number(hello["window"] ?? 65_536) });
          } finally {
            await peer.stop();
          }
        });
      }
    }
  };

  it("a whole body and a short answer: one frame each way", "echo", async ({ peer }) => {
    for (const id of [1, 2, 0xffffffff]) {
      peer.send(callFrame(id, "hi", end, { "content-type": "application/octet-stream" }));
      const { body, frames, outcome } = await peer.until(id, (call) => call.outcome !== "open");
      assert.deepEqual([body, outcome], ["hi", "end"]);
      assert.ok(frames === 1 || (frames === 2 && runtime.writes), `${frames} frames`);
    }
  });

  it("a body in pieces that fits into the window needs no credit", "echo", async ({ peer }) => {
    const type_ = { "content-type": "application/octet-stream" };
    peer.send(callFrame(1, "a", 0, type_), frame(type.body, 1, 0, "b"), frame(type.body, 1, end));
    const { body, credit } = await peer.until(1, (call) => call.outcome === "end");
    assert.deepEqual([body, credit], ["ab", 0]);
  });

  it("a frame may come byte by byte, and many at once; types that nobody knows are ignored", "echo", async ({ peer }) => {
    const fields = { "content-type": "text/plain" };
    await peer.sendByByte(Buffer.concat([frame(99, 7, 0, "what?"), callFrame(1, "slowly", end, fields)]));
    assert.equal((await peer.until(1, (call) => call.outcome === "end")).body, "slowly");
    peer.send(frame(type.body, 1, end, "late"), creditOf(1, 5), frame(type.cancel, 1, 0), callFrame(2, "next", end, fields));
    assert.equal((await peer.until(2, (call) => call.outcome === "end")).body, "next");
  });

  it("a body over the window gets credit", "echo", async ({ peer, window }) => {
    const whole = Buffer.alloc(window * 2, "z");
    peer.send(callFrame(1, "", 0, { "content-type": "application/octet-stream" }), creditOf(1, 0xffffffff));
    await sendWithCredit(peer, 1, whole, window);
    assert.equal((await peer.until(1, (call) => call.outcome === "end")).body.length, whole.length);
  });

  it("each piece is answered while the next is still to come", "relay", async ({ peer }) => {
    peer.send(callFrame(1, "a", 0));
    for (const piece of ["b", "c", "d"]) {
      await peer.until(1, (call) => call.body.endsWith(String.fromCharCode(piece.charCodeAt(0) - 1)));
      peer.send(frame(type.body, 1, 0, piece));
    }
    await peer.until(1, (call) => call.body === "abcd" && call.outcome === "open");
    peer.send(frame(type.body, 1, end, "e"));
    const { body, outcome, credit } = await peer.until(1, (call) => call.outcome !== "open");
    assert.deepEqual([body, outcome, credit], ["abcde", "end", 0]);
  });

  it("what is read and answered is the same, however much it is", "relay", async ({ peer, window }) => {
    const whole = Buffer.alloc(window * 3);
    for (let i = 0; i < whole.length; i++) whole[i] = (i * 31) % 251;
    peer.send(callFrame(1, "", 0), creditOf(1, whole.length));
    await sendWithCredit(peer, 1, whole, window);
    const { body } = await peer.until(1, (call) => call.outcome === "end");
    assert.ok(Buffer.from(body, "latin1").equals(whole));
  });

  it("the first byte comes before the function ends", "first", async ({ peer }) => {
    peer.send(callFrame(1, "", 0));
    await peer.until(1, (call) => call.body === "one" && call.outcome === "open");
    peer.send(frame(type.body, 1, end));
    assert.equal((await peer.until(1, (call) => call.outcome === "end")).body, "onetwo");
  });

  it(
    "the reader's credit is all that is sent, and the code's reading is all that is credited",
    "slow",
    async ({ peer, window }) => {
      peer.send(callFrame(1, "", 0));
      await peer.until(1, (call) => call.body.length === windowBytes);
      for (let sent = 0; sent < window; sent += 65_536)
        peer.send(frame(type.body, 1, 0, Buffer.alloc(Math.min(65_536, window - sent))));
      await peer.silence();
      assert.deepEqual([peer.call(1).body.length, peer.call(1).credit], [windowBytes, 0]);
      peer.send(creditOf(1, 100));
      const { credit } = await peer.until(1, (call) => call.credit >= window / 2);
      assert.equal(peer.call(1).body.length, windowBytes + 1);
      peer.send(frame(type.body, 1, 0, Buffer.alloc(Math.min(credit, 65_536))), frame(type.body, 1, end));
      const { body } = await peer.until(1, (call) => call.outcome === "end");
      assert.equal(body.slice(1001), String(window + Math.min(credit, 65_536)));
    },
  );

  it("an endless answer stops at its credit, goes on with it, and ends when it is cancelled", "endless", async ({ peer }) => {
    peer.send(callFrame(1, "", end));
    await peer.until(1, (call) => call.body.length === windowBytes);
    peer.send(creditOf(1, 10));
    await peer.until(1, (call) => call.body.length === windowBytes + 10);
    await peer.silence();
    assert.equal(peer.call(1).body.length, windowBytes + 10);
    peer.send(frame(type.cancel, 1, 0));
    await peer.until(1, (call) => call.outcome !== "open");
    peer.send(callFrame(2, "", end));
    await peer.until(2, (call) => call.body.length === windowBytes);
  });

  it("a long answer of one piece keeps to its credit as well", "large", async ({ peer }) => {
    peer.send(callFrame(1, "", end));
    await peer.until(1, (call) => call.body.length === windowBytes);
    peer.send(creditOf(1, 1), creditOf(1, 298_998));
    await peer.until(1, (call) => call.body.length === 299_999 && call.outcome === "open");
    peer.send(creditOf(1, 1));
    await peer.until(1, (call) => call.body.length === 300_000 && call.outcome === "end");
  });

  it("an answer may end before the request has", "early", async ({ peer }) => {
    peer.send(callFrame(1, "some", 0));
    const { head, body } = await peer.until(1, (call) => call.outcome === "end");
    assert.equal(body, "early");
    assert.match(head as string, /^:status:202$/m);
    assert.match(head as string, /^x-early:yes$/m);
    peer.send(frame(type.body, 1, 0, "more"), frame(type.body, 1, end), callFrame(2, "", end));
    assert.equal((await peer.until(2, (call) => call.outcome === "end")).body, "early");
  });

  it("code that has read enough tells so", "enough", async ({ peer }) => {
    peer.send(callFrame(1, "some", 0));
    const { body, enough } = await peer.until(1, (call) => call.outcome === "end");
    assert.deepEqual([body, enough], ["enough 4", true]);
  });

  it("a caller that goes away ends a call whose body never does", "relay", async ({ peer }) => {
    peer.send(callFrame(1, "a", 0));
    await peer.until(1, (call) => call.body === "a");
    peer.send(frame(type.cancel, 1, 0));
    await peer.until(1, (call) => call.outcome !== "open");
    peer.send(callFrame(2, "next", end));
    assert.equal((await peer.until(2, (call) => call.outcome === "end")).body, "next");
  });

  it("a caller that goes away before the body is whole ends a call that has not begun", "echo", async ({ peer }) => {
    peer.send(callFrame(1, "a", 0), frame(type.cancel, 1, 0));
    await peer.until(1, (call) => call.outcome !== "open");
  });

  it("an error ends the call, and the runtime goes on", "fails", async ({ peer }) => {
    for (const id of [1, 2]) {
      peer.send(callFrame(id, "", end));
      const { outcome, log } = await peer.until(id, (call) => call.outcome !== "open");
      const error = JSON.parse(outcome) as Record<string, unknown>;
      assert.equal(error["message"], "no");
      assert.equal(typeof error["type"], "string");
      assert.match(log, /^2:[^]*no/);
    }
  });

  it("an error in the middle of an answer ends it", "failsLater", async ({ peer }) => {
    peer.send(callFrame(1, "", end));
    const { outcome, body } = await peer.until(1, (call) => call.outcome !== "open");
    assert.equal((JSON.parse(outcome) as { message: string }).message, "later");
    assert.equal(body, "one");
  });

  it("an error may be an answer", "refuses", async ({ peer }) => {
    peer.send(callFrame(1, "", end));
    const { head, body } = await peer.until(1, (call) => call.outcome === "end");
    assert.match(head as string, /^:status:404$/m);
    assert.match(head as string, /^content-type:application\/json$/m);
    assert.deepEqual(JSON.parse(body), { code: "gone", message: "not here" });
  });

  it("what is printed comes before the end, and belongs to its call", "prints", async ({ peer }) => {
    peer.send(callFrame(1, "", end));
    assert.equal((await peer.until(1, (call) => call.outcome === "end")).log, "1:out\n2:err\n");
  });

  it("the head says what was asked, in which header, and until when", "facts", async ({ peer }) => {
    const lines =
      ":call:A\n:deadline:99999999999999\n:method:PUT\n:url:http://h/p?q=a:b\n:target:/p?q=a:b\n:new:field\nx-twice:1\nx-twice:a:b\n";
    peer.send(rawCallFrame(1, lines));
    const { body } = await peer.until(1, (call) => call.outcome === "end");
    assert.deepEqual(JSON.parse(body), {
      call: "A",
      deadline: 99_999_999_999_999,
      method: "PUT",
      url: "http://h/p?q=a:b",
      target: "/p?q=a:b",
      header: "1, a:b",
    });
  });

  it(
    "a hundred calls at once, each with its own body, its own credit and its own end",
    "relay",
    async ({ peer }) => {
      const ids = Array.from({ length: 100 }, (_, index) => index + 1);
      peer.send(...ids.map((id) => callFrame(id, `call ${id};`, 0)));
      for (const id of ids) await peer.until(id, (call) => call.body === `call ${id};`);
      peer.send(...ids.map((id) => frame(type.body, id, 0, "x".repeat(2 * windowBytes))));
      for (const id of ids) await peer.until(id, (call) => call.body.length === windowBytes);
      const even = ids.filter((id) => id % 2 === 0);
      peer.send(...even.flatMap((id) => [creditOf(id, 100_000), frame(type.body, id, end, `end ${id}`)]));
      for (const id of even) assert.ok((await peer.until(id, (call) => call.outcome === "end")).body.endsWith(`xend ${id}`));
      for (const id of ids) assert.equal(peer.call(id).outcome, id % 2 === 0 ? "end" : "open");
    },
    [100],
  );

  const garbage: readonly (readonly [name: string, bytes: Buffer])[] = [
    ["a frame over the limit", Buffer.from([0x7f, 0, 0, 0, 0, 0, 0, 1, 16, 0])],
    ["a head that is longer than its frame", frame(type.call, 1, end, Buffer.from([0, 0, 0, 200, 58]))],
    ["the end of the connection", Buffer.alloc(0)],
  ];
  for (const [name, bytes] of garbage) {
    it(`${name} ends the runtime`, "echo", async ({ peer }) => {
      if (bytes.length === 0) peer.disconnect();
      else peer.send(bytes);
      assert.notEqual(await peer.exited, 124, "it was ended by the time limit");
    });
  }

  test(`${runtime.name}: a handler that is not there is a failed frame, and the end`, { timeout: 60_000 }, async () => {
    const peer = new Peer({ command: await runtime.command(), ...(runtime.env && { env: runtime.env }) });
    try {
      const { message } = await peer.failure({ handler: "functions.nowhere" });
      assert.match(String(message), /nowhere/);
      assert.notEqual(await peer.exited, 124);
    } finally {
      await peer.stop();
    }
  });
}

/** Sends a body to its end as the runtime gives credit. */
async function sendWithCredit(peer: Peer, id: number, whole: Buffer, window: number): Promise<void> {
  for (let sent = 0; sent < whole.length; ) {
    await peer.until(id, (call) => window + call.credit > sent);
    const size = Math.min(window + peer.call(id).credit - sent, 65_536, whole.length - sent);
    peer.send(frame(type.body, id, sent + size === whole.length ? end : 0, whole.subarray(sent, sent + size)));
    sent += size;
  }
}
