/** Both readers of frames, the platform's and the Node runtime's, cut a stream alike, however it arrives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Inlet } from "../../../runtimes/nodejs/inlet.cjs";
import { frameHead, FrameReader } from "../../wire/frames.ts";

type Hear = (type: number, id: number, flags: number, payload: Buffer) => void;
type MakeReader = (hear: Hear) => (chunk: Buffer) => void;

const readers: Readonly<Record<string, MakeReader>> = {
  platform(hear) {
    const reader = new FrameReader(hear);
    return (chunk) => reader.push(chunk);
  },
  runtime(hear) {
    const inlet = new Inlet((type, id, flags, buffer, start, end) => hear(type, id, flags, buffer.subarray(start, end)));
    // One buffer for all that arrives, as the socket of the runtime has it.
    const shared = Buffer.alloc(4096);
    return (chunk) => {
      chunk.copy(shared);
      inlet.push(shared, chunk.length);
    };
  },
};

const frame = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  id: fc.integer({ min: 0, max: 0xffffffff }),
  flags: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 300 }),
});

for (const [name, makeReader] of Object.entries(readers)) {
  test(`the ${name}'s reader gives the same frames for any chunking`, () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
        (frames, sizes) => {
          const bytes = frames.map(({ type, id, flags, payload }) =>
            Buffer.concat([frameHead(type, id, payload.length, flags), payload]),
          );
          const heard: string[] = [];
          const push = makeReader((type, id, flags, payload) => heard.push(`${type} ${id} ${flags} ${payload.toString("hex")}`));
          for (const chunk of cut(Buffer.concat(bytes), sizes)) push(chunk);
          assert.deepEqual(
            heard,
            frames.map(({ type, id, flags, payload }) => `${type} ${id} ${flags} ${Buffer.from(payload).toString("hex")}`),
          );
        },
      ),
    );
  });
}

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let start = 0, n = 0; start < bytes.length; n++) {
    const end = start + (sizes[n % sizes.length] as number);
    yield bytes.subarray(start, end);
    start = end;
  }
}
