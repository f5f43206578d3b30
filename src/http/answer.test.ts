import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { afterEach, before, describe, test } from "node:test";
import { type FrontName, frontNames, makeListener } from "../../test/linked-listener.ts";
import type { BodySink, BodySource } from "../lib/body.ts";
import { realWorld } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { createFramework } from "./framework.ts";
import type { HttpRequest, HttpResponse } from "./http.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Every test runs on all of them. */
let front: FrontName = "own";

/** A body that the test feeds. */
class Source implements BodySource {
  readonly bytes: number | undefined;
  readonly #start: (sink: BodySink) => void;
  sink: BodySink | null = null;
  cancelled = false;
  resumed = 0;

  constructor(bytes: number | undefined, start: (sink: BodySink) => void = () => {}) {
    this.bytes = bytes;
    this.#start = start;
  }

  pipe(sink: BodySink): void {
    this.sink = sink;
    this.#start(sink);
  }

  resume(): void {
    this.resumed++;
  }

  cancel(): void {
    this.cancelled = true;
  }
}

/** Serves one request with `source` and gives back what came over the wire until the server closed. */
async function answered(
  source: Source,
  options: { method?: string; status?: number; act?: (text: () => string) => Promise<void> } = {},
) {
  const world = realWorld();
  const done = Promise.withResolvers<Error | undefined>();
  const routes = [
    {
      prefix: "/",
      handler: (_request: HttpRequest, response: HttpResponse) =>
        response.stream(options.status ?? 200, ["X-A", "1"], source, done.resolve),
    },
  ];
  const listener = makeListener({ world, framework: createFramework({ world }).server, routes, config: { front } });
  const { port } = await listener.listen({ host: "127.0.0.1", port: 0 });
  ends.push(() => listener.close(0));
  const socket = connect(port, "127.0.0.1");
  socket.setEncoding("latin1").on("error", () => {});
  let text = "";
  let writes = 0;
  socket.on("data", (data: string) => {
    text += data;
    writes++;
  });
  socket.write(`${options.method ?? "GET"} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  const closed = new Promise((resolve) => {
    socket.once("close", resolve);
  });
  await options.act?.(() => text);
  await closed;
  return { text, writes, error: await done.promise };
}

const later = (ms = 30) => new Promise((resolve) => setTimeout(resolve, ms));
const part = (text: string) => Buffer.from(text);

for (const name of frontNames) {
  describe(`front ${name}`, () => {
    before(() => {
      front = name;
    });

    test("a body that is there at once leaves with its length", async () => {
      const source = new Source(undefined, (sink) => {
        sink.chunk(part("all"));
        sink.end();
      });
      const { text, writes, error } = await answered(source);
      assert.match(text, /X-A: 1\r\nContent-Length: 3\r\n[^]*\r\n\r\nall$/);
      assert.deepEqual([writes, error], [1, undefined]);
    });

    test("a body that comes later: the head goes first, then chunks", async () => {
      const source = new Source(undefined);
      const { text, error } = await answered(source, {
        async act(seen) {
          while (!seen().endsWith("\r\n\r\n")) await later(5);
          source.sink?.chunk(part("one"));
          source.sink?.chunk(part("two"));
          source.sink?.end();
        },
      });
      assert.match(text, /Transfer-Encoding: chunked\r\n[^]*3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/);
      assert.equal(error, undefined);
    });

    test("a known length is kept to", async () => {
      for (const chunk of ["toolong", "sho"]) {
        const source = new Source(5, (sink) => {
          setTimeout(() => {
            sink.chunk(part(chunk));
            sink.end();
          }, 10);
        });
        const { text, error } = await answered(source);
        assert.match(text, /Content-Length: 5\r\n/);
        assert.ok(!text.endsWith("toolong"));
        assert.equal((error as PlatformError).code, "function_protocol");
      }
    });

    test("a source that breaks off: before the head a refusal, after it the connection ends without the last chunk", async () => {
      const early = await answered(new Source(undefined, (sink) => sink.fail(new PlatformError("function_exited", "It exited"))));
      assert.match(early.text, /^HTTP\/1.1 502 [^]*function_exited/);
      assert.equal((early.error as PlatformError).code, "function_exited");
      const late = await answered(
        new Source(undefined, (sink) => {
          sink.chunk(part("a"));
          setTimeout(() => sink.fail(new Error("gone")), 20);
        }),
      );
      assert.match(late.text, /200 OK[^]*1\r\na\r\n$/);
      assert.equal(late.error?.message, "gone");
    });

    test("no body where none may be", async () => {
      for (const options of [{ method: "HEAD" }, { status: 204 }, { status: 304 }]) {
        const source = new Source(undefined, (sink) => sink.chunk(part("x")));
        const { text, error } = await answered(source, options);
        assert.match(text, /\r\n\r\n$/);
        assert.deepEqual([source.cancelled, error], [true, undefined]);
      }
    });

    test("a client that goes away in the middle cancels the source", async () => {
      const world = realWorld();
      const source = new Source(undefined, (sink) => sink.chunk(part("x")));
      const done = Promise.withResolvers<Error | undefined>();
      const routes = [
        {
          prefix: "/",
          handler: (_request: HttpRequest, response: HttpResponse) => response.stream(200, [], source, done.resolve),
        },
      ];
      const listener = makeListener({ world, framework: createServer(), routes, config: { front } });
      const { port } = await listener.listen({ host: "127.0.0.1", port: 0 });
      ends.push(() => listener.close(0));
      const socket = connect(port, "127.0.0.1");
      socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await once(socket, "data");
      socket.destroy();
      assert.equal(((await done.promise) as PlatformError).code, "cancelled");
      assert.equal(source.cancelled, true);
    });

    test("a slow reader holds the source back, once for each time", async () => {
      let taken = 0;
      const source = new Source(undefined, (sink) => {
        sink.chunk(part("start"));
        setTimeout(() => {
          while (sink.chunk(Buffer.alloc(100_000))) taken++;
          sink.chunk(Buffer.alloc(100_000));
        }, 10);
      });
      await answered(source, {
        async act() {
          while (source.resumed === 0) await later(5);
          source.sink?.end();
        },
      });
      assert.equal(source.resumed, 1);
      assert.ok(taken < 1000);
    });
  });
}
