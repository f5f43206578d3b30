import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { afterEach, test } from "node:test";
import fc from "fast-check";
import { bytesBody } from "../../lib/body.ts";
import { realWorld } from "../../lib/world.ts";
import { flagEnd, FrameReader, frameHead, frameType, textFrame } from "../../wire/frames.ts";
import { httpDefaults } from "../config.ts";
import type { Handler, HttpRequest } from "../http.ts";
import { CoreLink } from "./core-link.ts";
import { parseRequestHead, partsOf, renderPeer, renderRequestHead } from "./heads.ts";
import { CommonHead, renderOwn, renderResultHead, ResultHeads } from "./result-heads.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Frame {
  readonly type: number;
  readonly id: number;
  readonly flags: number;
  readonly text: string;
}

/** A core whose front is the test. */
function core(handler: Handler) {
  const [here, there] = duplexPair();
  const heard: Frame[] = [];
  let closed = false;
  const bugs: unknown[] = [];
  const reader = new FrameReader((type, id, flags, payload) => heard.push({ type, id, flags, text: payload.toString("latin1") }));
  there.on("data", (data: Buffer) => reader.push(data));
  const init = { listen: { host: "127.0.0.1", port: 1 }, http: httpDefaults };
  const link = new CoreLink(here, init, {
    world: realWorld(),
    version: "1",
    routes: [{ prefix: "/fast/", handler }],
    adopt: (socket) => void socket.on("error", () => {}).resume(),
    bug: (error) => bugs.push(error),
    figures: () => {},
    closed: () => {
      closed = true;
    },
  });
  ends.push(() => {
    link.close();
    there.destroy();
  });
  return { link, there, heard, bugs, isClosed: () => closed };
}

function headed(type: number, id: number, head: string, body = "", flags: number = flagEnd): Buffer {
  const payload = Buffer.concat([Buffer.alloc(4), Buffer.from(head + body, "latin1")]);
  payload.writeUInt32BE(head.length);
  return Buffer.concat([frameHead(type, id, payload.length, flags), payload]);
}

const requestOf = (peer: string, loopback: boolean) =>
  `${renderPeer({ peer, loopback })}:method:POST\n:target:/fast/x\n:bytes:2\nHost:h\n`;

const turns = async (count = 5) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

test("equal requests of different peers: each has its own, and they share their notes", async () => {
  const seen: HttpRequest[] = [];
  const { there } = core((request, response) => {
    seen.push(request);
    response.send(200, [], "");
  });
  there.write(headed(frameType.request, 1, requestOf("127.0.0.1", true), "ab"));
  there.write(headed(frameType.request, 2, requestOf("192.0.2.7", false), "ab"));
  there.write(headed(frameType.request, 3, requestOf("127.0.0.1", true), "ab"));
  await turns();
  assert.deepEqual(
    seen.map(({ peer, loopback }) => [peer, loopback]),
    [
      ["127.0.0.1", true],
      ["192.0.2.7", false],
      ["127.0.0.1", true],
    ],
  );
  assert.equal(seen[0]?.notes, seen[1]?.notes);
});

test("heads of requests and answers mean the same at the other end", () => {
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
  const value = fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,30}$/);
  const lists = fc.array(fc.tuple(token, value), { maxLength: 6 }).map((pairs) => pairs.flat());
  const target = fc.stringMatching(/^\/[!-~]{0,30}$/);
  fc.assert(
    fc.property(lists, lists, target, fc.option(fc.nat(), { nil: undefined }), fc.boolean(), (headers, own, to, bytes, held) => {
      const request = { method: "PUT", target: to, headers } as unknown as HttpRequest;
      const rest = renderRequestHead(request, bytes, held);
      const text = renderPeer({ peer: "::1", loopback: true }) + rest;
      assert.deepEqual(partsOf(text), { peer: ":peer:::1\n:loopback:\n", rest });
      const read = parseRequestHead(rest);
      assert.deepEqual([read.target, read.headers, read.bytes, read.held], [to, headers, bytes, held]);
      const heads = new ResultHeads();
      assert.deepEqual(heads.read(renderResultHead(404, headers, bytes)), { head: { status: 404, headers, bytes }, own: [] });
      const common = new CommonHead();
      const answers = [0, 1].map(() => heads.read(renderOwn(own, common.render(200, headers))));
      for (const { head, own: alone } of answers) assert.deepEqual([head.status, head.headers, alone], [200, headers, own]);
      assert.equal(answers[0]?.head.headers, answers[1]?.head.headers);
    }),
  );
});

test("a header that could be read as another line, or as a word of ours, is no answer", async () => {
  const bad = [
    ["X", "a\nb:c"],
    ["X", "a\rb"],
    ["X", "\u010a"],
    [":own", "1"],
    ["X:Y", "z"],
    ["X\n:status", "500"],
  ];
  for (const headers of bad) assert.throws(() => renderResultHead(200, headers, undefined), /header/);
  const { there, heard } = core((_request, response) => response.send(200, bad[0] as string[], "body"));
  there.write(headed(frameType.request, 1, requestOf("127.0.0.1", true), "ab"));
  await turns();
  assert.match(heard[0]?.text ?? "", /:status:502\n[^]*function_protocol/);
});

test("a core that a front talks nonsense to ends the link or goes on, and nothing else", async () => {
  const words = fc.constantFrom(
    "",
    "{}",
    "{",
    "[]",
    '{"version":"1"}',
    '{"code":"cancelled","message":"m"}',
    "\0\0\0\x01",
    "\0\0\xff\xff",
  );
  const payload = fc.oneof(
    words.map((text) => Buffer.from(text, "latin1")),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  );
  const plain = fc
    .tuple(fc.constantFrom(...Object.values(frameType), 255), fc.nat(4), fc.nat(3), payload)
    .map(([type, id, flags, data]) => Buffer.concat([frameHead(type, id, data.length, flags), data]));
  const request = fc
    .tuple(fc.nat(4), fc.constantFrom("a", ""), fc.constantFrom(0, flagEnd), fc.constantFrom("/fast/x", "/other"))
    .map(([id, body, flags, to]) => headed(frameType.request, id, requestOf("::1", true).replace("/fast/x", to), body, flags));
  const property = fc.asyncProperty(fc.array(fc.oneof(plain, request), { maxLength: 12 }), async (frames) => {
    const { there, link } = core((asked, response) =>
      response.stream(200, [], asked.body.bytes === 0 ? bytesBody(Buffer.from("x")) : asked.body, () => {}),
    );
    for (const frame of frames) there.write(frame);
    await turns(3);
    link.close();
  });
  await fc.assert(property, { numRuns: 300 });
});

test("a front of another version is not taken", async () => {
  const { there, link, isClosed } = core(() => {});
  there.write(textFrame(frameType.hello, 0, '{"version":"2"}'));
  await assert.rejects(link.listening, /version 2, the server 1/);
  assert.equal(isClosed(), true);
});
