import assert from "node:assert/strict";
import { after, test } from "node:test";
import { RawClient } from "../../test/raw-client.ts";
import { type BodySource, bytesBody, WholeBody } from "../lib/body.ts";
import { realWorld } from "../lib/world.ts";
import { createFramework } from "./framework.ts";
import type { Handler } from "./http.ts";
import { Listener } from "./listener.ts";

/** A server of our own front with one handler. */
async function serve(handler: Handler): Promise<RawClient> {
  const world = realWorld();
  const framework = createFramework({ world });
  await framework.app.ready();
  const listener = new Listener({
    world,
    framework: framework.server,
    routes: [{ prefix: "/", handler }],
    config: { front: "own" },
  });
  const { port } = await listener.listen({ host: "127.0.0.1", port: 0 });
  const client = new RawClient(port);
  after(async () => {
    client.socket.destroy();
    await listener.close(0);
  });
  return client;
}

const request = (method = "POST") => `${method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi`;

/** What came over the wire, without what is the same in all answers. */
function seen(text: string): string {
  return text.replaceAll(/(Date|Connection|Keep-Alive): [^\r]*\r\n/g, "").replaceAll("\r\n", "|");
}

const answer = (own: number, body: string) => `HTTP/1.1 200 OK|X-Shared: 1|X-Own: ${own}|Content-Length: ${body.length}||${body}`;

test("answers that look alike have the shared headers and their own, whatever kind of body they have", async () => {
  const headers = ["X-Shared", "1"];
  const bodies: BodySource[] = [
    new WholeBody(Buffer.from("one")),
    bytesBody(Buffer.from("two")),
    new WholeBody(Buffer.from("three")),
    new WholeBody(Buffer.alloc(0)),
  ];
  const ended: (Error | undefined)[] = [];
  let count = 0;
  const client = await serve((_request, response) => {
    const own = ["X-Own", String(++count)];
    response.streamAlike?.(200, headers, own, bodies.shift() as BodySource, (error) => ended.push(error));
  });
  client.write(request().repeat(2)).write(request()).write(request());
  await client.until(/X-Own: 4\r\n[^]*\r\n\r\n$/);
  assert.equal(seen(client.text), [answer(1, "one"), answer(2, "two"), answer(3, "three"), answer(4, "")].join(""));
  assert.deepEqual(ended, [undefined, undefined, undefined, undefined]);
});

test("HEAD and statuses without a body get none; a status or header that HTTP does not allow is told once nothing was written", async () => {
  const statuses = [200, 204, 99];
  const client = await serve((_request, response) =>
    response.streamAlike?.(statuses.shift() as number, [], [], new WholeBody(Buffer.from("body")), () => {}),
  );
  client.write(request("HEAD"));
  await client.until(/\r\n\r\n$/);
  client.write(request());
  await client.until(/ 204 [^]*\r\n\r\n$/);
  client.write(request());
  await client.until(/ 502 [^]*\}/);
  assert.match(seen(client.text), /^HTTP\/1.1 200 OK\|\|HTTP\/1.1 204 No Content\|\|HTTP\/1.1 502 /);
});

test("what is kept with a head is there again for an equal one", async () => {
  const found: unknown[] = [];
  const client = await serve(({ notes }, response) => {
    if (notes === undefined) throw new Error("Our own front keeps notes");
    found.push(notes.kept);
    notes.kept ??= found.length;
    response.send(200, [], "ok");
  });
  for (let i = 1; i <= 4; i++) {
    client.write(request());
    await client.until(new RegExp(`(ok[^]*){${i}}`));
  }
  client.write(request("PUT"));
  await client.until(/(ok[^]*){5}/);
  assert.deepEqual(found, [undefined, 1, 1, 1, undefined]);
});
