import assert from "node:assert/strict";
import { test } from "node:test";
import { HeadTable, keptHeadBytesMax } from "./http1-head-table.ts";
import { RequestReader } from "./http1-server-reader.ts";

const limits = { lineBytesMax: 8192, headerBytesMax: 16_384, headerCountMax: 100 };

const request = (path: string) => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);

/** Reads one request as a connection of its own would. */
function read(table: HeadTable, bytes: Buffer, reader = new RequestReader(limits, table)) {
  reader.give(bytes);
  return reader.head();
}

test("a head that comes the second time is one object from then on, on every connection", () => {
  const table = new HeadTable();
  const [first, second, third] = [1, 2, 3].map(() => read(table, request("/a")));
  assert.notEqual(second, first);
  assert.equal(third, second);
  assert.equal(third?.path, "/a");
  assert.equal(read(table, request("/b"))?.path, "/b");
  assert.equal(read(table, request("/a")), second);
});

test("who met a head first takes the object that others have when it comes again", () => {
  const table = new HeadTable();
  const reader = new RequestReader(limits, table);
  const first = read(table, request("/a"), reader);
  const second = read(table, request("/a"));
  assert.notEqual(first, second);
  assert.equal(read(table, request("/a"), reader), second);
  assert.equal(read(table, request("/a"), reader), second);
});

test("large heads and bytes that only begin alike are none of the table's", () => {
  const table = new HeadTable();
  const long = request(`/${"x".repeat(keptHeadBytesMax)}`);
  for (let i = 0; i < 3; i++) read(table, long);
  assert.equal(table.find(long, 0, long.length), undefined);
  const short = request("/a");
  for (let i = 0; i < 3; i++) read(table, short);
  assert.notEqual(table.find(short, 0, short.length), undefined);
  assert.equal(table.find(Buffer.concat([short, short]), 0, short.length + 1), undefined);
});
