import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makeAnswer, makeQuery, type Question, readAddresses, readQuestion, recordType } from "./dns-message.ts";

const query = makeQuery(0x1234, "Api.Example.com", recordType.a) as Buffer;
const question = readQuestion(query) as Question;

test("a question is read in lower case, with its type", () => {
  assert.deepEqual(question, { name: "api.example.com", type: 1, end: query.length });
});

test("an answer of our own has the query's id and its addresses", () => {
  const answer = makeAnswer(query, question, ["10.1.2.3", "10.1.2.4"]);
  assert.equal(answer.readUInt16BE(0), 0x1234);
  assert.deepEqual(readAddresses(answer), ["10.1.2.3", "10.1.2.4"]);
  assert.equal(readQuestion(answer), null, "an answer is no query");
});

test("that there is no such name is told by its code", () => {
  const answer = makeAnswer(query, question, "noName");
  assert.equal(answer.readUInt16BE(2) & 15, 3);
  assert.deepEqual(readAddresses(answer), []);
});

test("IPv6 addresses are read behind aliases", () => {
  const alias = Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 16]);
  const address = Buffer.from([0xc0, 16, 0, 28, 0, 1, 0, 0, 0, 9, 0, 16, 0x26, 6, 0x28, 0, ...Array<number>(11).fill(0), 1]);
  const answer = Buffer.concat([makeAnswer(query, question, []), alias, address]);
  answer.writeUInt16BE(2, 6);
  assert.deepEqual(readAddresses(answer), ["2606:2800:0:0:0:0:0:1"]);
});

test("names that would not fit are no names", () => {
  for (const name of ["", "a..b", "x".repeat(64), `${"abcdefg.".repeat(40)}com`]) assert.equal(makeQuery(1, name, 1), null);
});

test("a label with a dot in it is not mistaken for two", () => {
  const odd = Buffer.concat([
    query.subarray(0, 12),
    Buffer.from([11]),
    Buffer.from("api.example"),
    Buffer.from([3]),
    Buffer.from("com"),
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
  assert.equal(readQuestion(odd), null);
});

test("whatever arrives is read or is nothing", () => {
  const messages = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc
      .tuple(fc.constantFrom(query, makeAnswer(query, question, ["1.2.3.4"])), fc.nat(), fc.nat(255))
      .map(([message, at, byte]) => {
        const changed = Buffer.from(message);
        changed[at % changed.length] = byte;
        return changed;
      }),
  );
  fc.assert(
    fc.property(messages, (bytes) => {
      const message = Buffer.from(bytes);
      const read = readQuestion(message);
      if (read !== null) makeAnswer(message, read, ["1.2.3.4"]);
      readAddresses(message);
    }),
    { numRuns: 2000 },
  );
});
