/** What every runtime does alike, in any language; the code of each case comes from the runtime's own file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BodySource } from "../../src/lib/body.ts";
import { call, type Code, failure, read, request, type Running, type Runtime, start, until } from "./runtimes.ts";

/** Code of one function for each test: it does what the name says. */
export interface SuiteCode {
  /** Answers its event. */
  readonly echo: Code;
  /** Answers bytes, as many as the event says, all of value 97. */
  readonly bytes: Code;
  /** Streams 200 pieces of 64 KiB, prints "closed" when it is closed early. */
  readonly stream: Code;
  /** Streams "one", then fails with "later". */
  readonly brokenStream: Code;
  /** Prints the event's `text` to stdout, waits `ms`, prints "end" without a line feed to stderr. */
  readonly print: Code;
  /** Exits with status 3 in the call, after printing "last words". */
  readonly exit: Code;
  /** Prints "waiting", waits until nobody waits for it, then prints "AbortError". */
  readonly waits: Code;
  /** Has its event logged from outside its own call: another thread, or another asynchronous context. */
  readonly loggedElsewhere: Code;
  /** Throws when the event is "throw", else answers it. */
  readonly thrower: Code;
}

const mebibytes = 10 * 1024 * 1024;

export function runtimeSuite(runtime: Runtime, code: SuiteCode): void {
  const it = (name: string, files: Code, options: Parameters<typeof start>[2], body: (running: Running) => Promise<void>) =>
    test(`${runtime.name}: ${name}`, { timeout: 30_000 }, async () => {
      const running = await start(runtime, files, options);
      try {
        await body(running);
      } finally {
        await running.stop();
      }
    });

  it("many calls one after the other", code.echo, {}, async (running) => {
    for (let n = 0; n < 300; n++) assert.equal((await call(running, { n })).text, `{"n":${n}}`);
  });

  it("a body of 10 MiB in", code.echo, {}, async (running) => {
    const text = JSON.stringify("x".repeat(mebibytes));
    assert.equal((await call(running, text)).body.length, mebibytes);
  });

  it("a body of 10 MiB in, in pieces", code.echo, {}, async (running) => {
    const answer = await call(running, undefined, { body: pieces(160), headers: ["content-type", "application/x-any"] });
    assert.equal(answer.type, "application/octet-stream");
    assert.equal(answer.body.length, mebibytes);
    assert.ok(answer.body.every((byte) => byte === 0xfe));
  });

  it("a body of 10 MiB out", code.bytes, {}, async (running) => {
    const answer = await call(running, mebibytes);
    assert.equal(answer.body.length, mebibytes);
    assert.ok(answer.body.every((byte) => byte === 97));
  });

  it("the reader's pace holds the code back", code.stream, {}, async (running) => {
    const response = await running.session.call(request(undefined), AbortSignal.timeout(10_000));
    let total = 0;
    let resumes = 0;
    await new Promise<void>((resolve, reject) => {
      response.body.pipe({
        chunk(data) {
          total += data.length;
          if (resumes < 20) setTimeout(() => response.body.resume(), 2);
          return ++resumes > 20;
        },
        end: resolve,
        fail: reject,
      });
    });
    assert.equal(total, 200 * 65_536);
  });

  it("a reader that goes away stops the stream, and the runtime goes on", code.stream, {}, async (running) => {
    const response = await running.session.call(request(undefined), AbortSignal.timeout(10_000));
    await new Promise<void>((resolve) => {
      response.body.pipe({ chunk: () => (resolve(), false), end() {}, fail() {} });
    });
    response.body.cancel();
    await until(() => running.session.usable);
    assert.equal(running.printed.length, 1);
    assert.match(running.printed[0] as string, /^call\d+ stdout closed$/);
    assert.equal((await call(running)).body.length, 200 * 65_536);
  });

  it("an error in the middle of a stream breaks its body off", code.brokenStream, {}, async (running) => {
    const response = await running.session.call(request(undefined), AbortSignal.timeout(10_000));
    const error = await failure(read(response.body));
    assert.equal(`${error.code}: ${error.message}`, "function_failed: later");
    assert.ok(running.session.usable);
  });

  it("output belongs to its call", code.print, {}, async (running) => {
    const first = request({ text: "été\nzwei", ms: 0 });
    await running.session.call(first, AbortSignal.timeout(10_000));
    const second = request({ text: "", ms: 0 });
    await running.session.call(second, AbortSignal.timeout(10_000));
    const expected = ["stdout été", "stdout zwei", "stderr end"].map((line) => `${first.callId} ${line}`);
    assert.deepEqual(running.printed, [...expected, `${second.callId} stdout `, `${second.callId} stderr end`]);
  });

  it("what was printed before a long wait is there at once", code.print, {}, async (running) => {
    const waiting = call(running, { text: "now", ms: 1_000 });
    await until(() => running.printed.length === 1);
    await waiting;
  });

  it("five calls at a time, each with its output", code.print, { concurrency: 5 }, async (running) => {
    const beganAt = performance.now();
    const requests = [1, 2, 3, 4, 5].map((n) => request({ text: `n${n}`, ms: 1_000 }));
    await Promise.all(requests.map((each) => running.session.call(each, AbortSignal.timeout(10_000))));
    assert.ok(performance.now() - beganAt < 4_000, "one after the other they would take 5 s");
    for (const [index, { callId }] of requests.entries()) {
      const own = running.printed.filter((line) => line.startsWith(`${callId} `));
      assert.deepEqual(own, [`${callId} stdout n${index + 1}`, `${callId} stderr end`]);
    }
  });

  it("cancelling rejects with the reason and stops nothing else", code.print, { concurrency: 2 }, async (running) => {
    const other = call(running, { text: "other", ms: 1_000 });
    const controller = new AbortController();
    const cancelled = running.session.call(request({ text: "gone", ms: 2_000 }), controller.signal);
    const hasPrinted = (text: string) => running.printed.some((line) => line.endsWith(` stdout ${text}`));
    await until(() => hasPrinted("other") && hasPrinted("gone"));
    const reason = new Error("The caller went away");
    controller.abort(reason);
    await assert.rejects(cancelled, reason);
    assert.equal(running.session.usable, false);
    await other;
    await until(() => running.session.usable);
  });

  it("the code hears that its caller went away", code.waits, {}, async (running) => {
    const controller = new AbortController();
    const cancelled = running.session.call(request(undefined), controller.signal);
    await until(() => running.printed.length === 1);
    controller.abort(new Error("gone"));
    await assert.rejects(cancelled, /gone/);
    await until(() => running.session.usable);
    assert.deepEqual(
      running.printed.map((line) => line.replace(/^call\d+/, "call")),
      ["call stdout waiting", "call stdout AbortError"],
    );
  });

  it("the code hears it also beside other calls", code.waits, { concurrency: 3 }, async (running) => {
    const controllers = [1, 2, 3].map(() => new AbortController());
    const requests = controllers.map(() => request(undefined));
    const calls = requests.map((each, index) => running.session.call(each, (controllers[index] as AbortController).signal));
    await until(() => running.printed.length === 3);
    for (const [index, controller] of controllers.entries()) {
      controller.abort(new Error("gone"));
      await assert.rejects(calls[index] as Promise<unknown>, /gone/);
      await until(() => running.printed.length === 4 + index);
      assert.equal(running.printed[3 + index], `${requests[index]?.callId} stdout AbortError`);
    }
  });

  it("a line of the logger belongs to its call, whoever writes it", code.loggedElsewhere, { concurrency: 3 }, async (running) => {
    const requests = ["a", "b", "c"].map((text) => request(JSON.stringify(text)));
    await Promise.all(requests.map((each) => running.session.call(each, AbortSignal.timeout(10_000))));
    const expected = requests.map(({ callId }, index) => `${callId} stdout INFO ${"abc"[index]}`);
    assert.deepEqual(running.printed.toSorted(), expected.toSorted());
  });

  it("exiting in a call is its failure, with what was printed", code.exit, {}, async (running) => {
    const error = await failure(call(running));
    assert.equal(error.code, "function_exited");
    assert.equal(running.session.usable, false);
    assert.ok(running.printed.some((line) => line.endsWith(" stdout last words")));
    assert.equal((await failure(call(running))).code, "function_exited");
  });

  it("goes on after an error", code.thrower, {}, async (running) => {
    assert.equal((await failure(call(running, "throw"))).code, "function_failed");
    assert.equal((await call(running, '"next"')).text, "next");
    assert.ok(running.session.usable);
  });

  it("a request that breaks off fails its call only", code.echo, {}, async (running) => {
    const broken = new Error("The client went away");
    await assert.rejects(call(running, undefined, { body: pieces(3, broken) }), broken);
    await until(() => running.session.usable);
    assert.equal((await call(running, '"next"')).text, "next");
  });

  it("ends when the platform goes away", code.echo, {}, async (running) => {
    running.session.close();
    await until(() => running.child.exitCode !== null);
  });
}

function nothing(): void {}

/** A body of so many pieces of 64 KiB of 0xfe, that come as fast as they are taken, and then its end or an error. */
function pieces(count: number, error?: Error): BodySource {
  const piece = Buffer.alloc(65_536, 0xfe);
  let left = count;
  let flow = nothing;
  return {
    bytes: undefined,
    pipe(sink) {
      flow = () => {
        while (left > 0) {
          left--;
          if (!sink.chunk(piece)) return;
        }
        flow = nothing;
        if (error === undefined) sink.end();
        else setTimeout(() => sink.fail(error), 20);
      };
      setImmediate(() => flow());
    },
    resume: () => setImmediate(() => flow()),
    cancel: () => {
      flow = nothing;
    },
  };
}
