import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type AddressInfo, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import { readAlone, readShared } from "./shared-reads.ts";

/** A connection as its server sees it, and its client. */
async function pair(): Promise<{ readonly socket: Socket; readonly client: Socket }> {
  const server: Server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = (await once(server, "connection")) as [Socket];
  server.close();
  after(() => {
    client.destroy();
    socket.destroy();
  });
  return { socket, client };
}

/** Keeps what it hears, and waits for it. */
class Ear {
  #text = "";
  #heard: (() => void) | null = null;

  readonly listener = (bytes: number, buffer: Buffer): void => {
    this.#text += buffer.toString("latin1", 0, bytes);
    this.#heard?.();
  };

  /** Resolves once all that was heard is this text. */
  async hears(expected: string): Promise<void> {
    if (this.#text === expected) return;
    await new Promise<void>((resolve) => {
      this.#heard = resolve;
    });
    await this.hears(expected);
  }
}

test("this Node can read accepted sockets into one buffer; the end is told as ever", async () => {
  const { socket, client } = await pair();
  const ear = new Ear();
  assert.equal(readShared(socket, ear.listener), true);
  client.write("one ");
  await ear.hears("one ");
  client.end("two");
  await ear.hears("one two");
  await once(socket, "end");
  assert.equal(socket.bytesRead, 7);
});

test("a paused socket is not read", async () => {
  const { socket, client } = await pair();
  const ear = new Ear();
  readShared(socket, ear.listener);
  client.write("a");
  await ear.hears("a");
  socket.pause();
  client.write("b");
  await new Promise((resolve) => setImmediate(resolve));
  await ear.hears("a");
  socket.resume();
  await ear.hears("ab");
});

test("the listener may be replaced, and the bytes may go to listeners of data again", async () => {
  const { socket, client } = await pair();
  const [first, second] = [new Ear(), new Ear()];
  readShared(socket, first.listener);
  client.write("a");
  await first.hears("a");
  assert.equal(readShared(socket, second.listener), true);
  client.write("b");
  await second.hears("b");
  readAlone(socket);
  const data = once(socket, "data");
  client.write("c");
  assert.equal(String((await data)[0]), "c");
});

test("other streams, and sockets in which something waits, are left as they are", async () => {
  assert.equal(
    readShared(new PassThrough(), () => {}),
    false,
  );
  const { socket } = await pair();
  socket.pause();
  socket.unshift(Buffer.from("x"));
  assert.equal(
    readShared(socket, () => {}),
    false,
  );
  const data = once(socket, "data");
  socket.resume();
  assert.equal(String((await data)[0]), "x");
});
