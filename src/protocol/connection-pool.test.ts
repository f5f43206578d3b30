import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type BodySource, bytesBody, readBody } from "../lib/body.ts";
import { realWorld } from "../lib/world.ts";
import type { PlatformError } from "../model/error.ts";
import { ConnectionPool } from "./connection-pool.ts";

const never = new AbortController().signal;
const head = { method: "POST", target: "/call", headers: ["Host", "localhost"] };
const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

interface Rig {
  readonly pool: ConnectionPool;
  /** Server ends of the connections, in the order they were made. */
  readonly sockets: Socket[];
  /** Requests that reached the server. */
  readonly requests: string[];
  readonly broken: Error[];
  readonly dials: () => number;
}

/** A server that does with each request what `serve` says. */
async function withRig(serve: (socket: Socket, request: string) => void, run: (rig: Rig) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), "pool-"));
  const path = join(folder, "s");
  const rig = { sockets: [] as Socket[], requests: [] as string[], broken: [] as Error[] };
  const server = createServer((socket) => {
    rig.sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (data) => {
      rig.requests.push(data.toString("latin1"));
      serve(socket, data.toString("latin1"));
    });
  }).listen(path);
  await once(server, "listening");
  let dials = 0;
  const dial = async (signal: AbortSignal) => {
    signal.throwIfAborted();
    dials++;
    const socket = connect(path);
    await once(socket, "connect");
    return socket;
  };
  const pool = new ConnectionPool({
    dial,
    world: realWorld(),
    idleMsMax: 100,
    connectionsMax: 2,
    broken: (error) => rig.broken.push(error),
  });
  try {
    await run({ ...rig, pool, dials: () => dials });
  } finally {
    pool.close();
    for (const socket of rig.sockets) socket.destroy();
    server.close();
    await rm(folder, { recursive: true });
  }
}

const answerSlowly = (socket: Socket) => void setTimeout(() => answer(socket), 50);

const halfAnswer = (socket: Socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");

const answer = (socket: Socket) => void socket.write(okAnswer);

async function call(pool: ConnectionPool, body: BodySource = bytesBody(Buffer.from("x")), signal = never) {
  const response = await pool.exchange(head, body, signal);
  return (await readBody(response.body, 1e6, () => new Error("too large"))).toString();
}

test("a free connection is used again, and dropped when it has been idle for long", async () => {
  await withRig(answer, async ({ pool, dials, sockets, broken }) => {
    for (let i = 0; i < 3; i++) assert.equal(await call(pool), "ok");
    assert.equal(dials(), 1);
    await Promise.race([once(sockets[0] as Socket, "close"), sleep(20_000, undefined, { ref: false })]);
    assert.equal(sockets[0]?.destroyed, true);
    assert.equal(await call(pool), "ok");
    assert.equal(dials(), 2);
    assert.deepEqual(broken, []);
  });
});

test("a connection that is used all the time is not idle", async () => {
  await withRig(answer, async ({ pool, dials }) => {
    for (let i = 0; i < 12; i++) {
      await call(pool);
      await sleep(20);
    }
    assert.equal(dials(), 1);
  });
});

test("a request that met a connection closed just now goes out once on a new one, its body whole", async () => {
  const later: BodySource = {
    bytes: undefined,
    pipe(sink) {
      setImmediate(() => {
        sink.chunk(Buffer.from("streamed"));
        sink.end();
      });
    },
    resume() {},
    cancel() {},
  };
  const cases: [string, BodySource, string][] = [
    ["in memory", bytesBody(Buffer.from("whole")), "whole"],
    ["streamed", later, "8\r\nstreamed\r\n0\r\n\r\n"],
    ["large", bytesBody(Buffer.alloc(100_000, "l")), "l".repeat(100_000)],
  ];
  for (const [name, body, sent] of cases) {
    let arrived = "";
    const serve = (socket: Socket, request: string) => {
      arrived += request;
      if (arrived.endsWith(`\r\n\r\n${sent}`) || arrived.endsWith("\r\n\r\nx")) answer(socket);
    };
    await withRig(serve, async ({ pool, sockets, requests, dials, broken }) => {
      await call(pool);
      sockets[0]?.destroy();
      // No turn of the loop between: the pool cannot know.
      assert.equal(await call(pool, body), "ok", name);
      assert.equal(dials(), 2);
      const seen = requests.slice(1).join("");
      assert.ok(seen.endsWith(`\r\n\r\n${sent}`), name);
      assert.equal(seen.split("POST /call").length, 2, "it arrived once");
      assert.deepEqual(broken, []);
    });
  }
});

test("a request that was taken is never sent again", async () => {
  let count = 0;
  const answerFirst = (socket: Socket) => void (++count === 1 ? answer(socket) : socket.destroy());
  await withRig(answerFirst, async ({ pool, requests, broken }) => {
    await call(pool);
    await assert.rejects(call(pool), (error: PlatformError) => error.code === "function_exited");
    await sleep(20);
    assert.equal(requests.length, 2);
    assert.equal(broken.length, 1);
  });
});

test("what a function sends wrong has a code of its own", async () => {
  const cases: [string, string][] = [
    ["SSH-2.0-OpenSSH\r\n", "function_protocol"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "function_protocol"],
    [`${okAnswer}${okAnswer}`, "function_protocol"],
    [`HTTP/1.1 200 OK\r\nA: ${"a".repeat(70_000)}\r\n\r\n`, "response_too_large"],
  ];
  for (const [bytes, code] of cases) {
    await withRig(
      (socket) => socket.write(bytes, "latin1"),
      async ({ pool, broken }) => {
        await assert.rejects(call(pool), (error: PlatformError) => error.code === code);
        assert.equal(broken.length, 1);
      },
    );
  }
});

test("a second answer that comes late breaks the session", async () => {
  await withRig(answer, async ({ pool, sockets, broken }) => {
    await call(pool);
    sockets[0]?.write(okAnswer);
    while (broken.length === 0) await sleep(5);
    assert.equal(broken.length, 1);
  });
});

test("an abort while connecting, before and after the head fails with the signal's reason", async () => {
  for (const serve of [() => {}, halfAnswer]) {
    await withRig(serve, async ({ pool, broken, requests }) => {
      const stop = new AbortController();
      const outcome = assert.rejects(call(pool, undefined, stop.signal), /time is up/);
      while (requests.length === 0) await sleep(5);
      await sleep(30);
      stop.abort(new Error("time is up"));
      await outcome;
      assert.equal(broken.length, 1);
    });
  }
  await withRig(answer, async ({ pool }) => {
    let cancelled = false;
    const body: BodySource = { bytes: undefined, pipe() {}, resume() {}, cancel: () => (cancelled = true) };
    await assert.rejects(call(pool, body, AbortSignal.abort(new Error("too late"))), /too late/);
    assert.equal(cancelled, true);
  });
});

test("a request that cannot be written leaves the connection good and frees the body", async () => {
  await withRig(answer, async ({ pool, dials }) => {
    await call(pool);
    let cancelled = false;
    const body: BodySource = { bytes: undefined, pipe() {}, resume() {}, cancel: () => (cancelled = true) };
    await assert.rejects(
      pool.exchange({ ...head, headers: ["A", "b\r\nc"] }, body, never),
      (error: PlatformError) => error.code === "invalid",
    );
    assert.equal(cancelled, true);
    assert.equal(await call(pool), "ok");
    assert.equal(dials(), 1);
  });
});

test("more calls than connections allowed fail, and alone", async () => {
  await withRig(answerSlowly, async ({ pool }) => {
    const outcomes = await Promise.allSettled([call(pool), call(pool), call(pool)]);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : (outcome.reason as PlatformError).code)),
      ["ok", "ok", "internal"],
    );
    assert.equal(await call(pool), "ok");
  });
});
