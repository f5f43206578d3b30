import assert from "node:assert/strict";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { dial } from "../lib/dial.ts";
import { realWorld } from "../lib/world.ts";
import { RegistryLines } from "./registry-lines.ts";

async function listen(serve: (socket: Socket) => void): Promise<{ server: Server; port: number; stop: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { server, port: (server.address() as AddressInfo).port, stop };
}

/** A proxy that connects to `port`, whatever it is asked for; `asked` has its requests. */
async function startProxy(port: number, status = 200) {
  const asked: string[] = [];
  const proxy = await listen((socket) => {
    socket.once("data", (head) => {
      asked.push(head.toString("latin1"));
      socket.write(`HTTP/1.1 ${status} Yes\r\nVia: test\r\n\r\n`);
      if (status === 200) socket.pipe(connect(port, "127.0.0.1").on("error", () => {})).pipe(socket);
    });
  });
  return { ...proxy, asked };
}

const never = new AbortController().signal;

const textOf = (socket: Duplex) =>
  new Promise<string>((resolve) => socket.once("data", (data: Buffer) => resolve(data.toString())));

test("a registry is reached directly, or by the proxy with its credentials", async () => {
  const target = await listen((socket) => socket.write("hello"));
  const proxy = await startProxy(target.port);
  try {
    const way = { proxy: `http://me:s%20cret@127.0.0.1:${proxy.port}`, direct: [".inside.example", "127.0.0.1"] };
    const direct = await dial("127.0.0.1", target.port, way, never);
    assert.equal(await textOf(direct), "hello");
    assert.deepEqual(proxy.asked, []);
    const through = await dial("registry.example", 443, way, never);
    assert.equal(await textOf(through), "hello");
    assert.match(proxy.asked[0] ?? "", /^CONNECT registry\.example:443 HTTP\/1\.1\r\n/);
    assert.match(proxy.asked[0] ?? "", new RegExp(`Basic ${Buffer.from("me:s cret").toString("base64")}\r\n`));
    for (const socket of [direct, through]) socket.destroy();
  } finally {
    target.stop();
    proxy.stop();
  }
});

const dialBy = (port: number, signal = never) => dial("r.example", 1, { proxy: `http://127.0.0.1:${port}`, direct: [] }, signal);

test("a proxy that refuses, speaks no HTTP, or closes is told; waiting ends with the signal", async () => {
  const refusing = await startProxy(0, 407);
  const talking = await listen((socket) => socket.write("x".repeat(20_000)));
  const closing = await listen((socket) => socket.end());
  const silent = await listen(() => {});
  try {
    await assert.rejects(dialBy(refusing.port), /refused with status 407/);
    await assert.rejects(dialBy(talking.port), /no HTTP/);
    await assert.rejects(dialBy(closing.port), /closed the connection/);
    const leaving = new AbortController();
    const waiting = dialBy(silent.port, leaving.signal);
    leaving.abort(new Error("left"));
    await assert.rejects(waiting, /left/);
  } finally {
    for (const { stop } of [refusing, talking, closing, silent]) stop();
  }
});

/** The end of a sandbox: of each connection that it is given, what it says and hears. */
function sandbox() {
  const ends: Duplex[] = [];
  const arrived: ((end: Duplex) => void)[] = [];
  const connectTo = async () => {
    const [ours, theirs] = pair();
    const waiting = arrived.shift();
    if (waiting === undefined) ends.push(theirs);
    else waiting(theirs);
    return ours;
  };
  const next = async () => {
    const end = ends.shift() ?? (await new Promise<Duplex>((resolve) => arrived.push(resolve)));
    assert.equal(await textOf(end), "line\n");
    return end;
  };
  return { connect: connectTo, next };
}

function pair(): [Duplex, Duplex] {
  const one: Duplex = endOf(() => two);
  const two: Duplex = endOf(() => one);
  return [one, two];
}

function endOf(other: () => Duplex): Duplex {
  return new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      other().push(chunk);
      done();
    },
    final(done) {
      other().push(null);
      done();
    },
  });
}

const dialDirect = (host: string, port: number, signal: AbortSignal) => dial(host, port, { proxy: "", direct: [] }, signal);

test("a sandbox reaches registries and nothing else, as often as it likes", async () => {
  const target = await listen((socket) => socket.on("data", (data) => socket.end(`echo ${data.toString()}`)));
  const inside = sandbox();
  const stop = new AbortController();
  const allowed = [`127.0.0.1:${target.port}`, "127.0.0.1:1"];
  const lines = new RegistryLines({
    world: realWorld(),
    connect: inside.connect,
    dial: dialDirect,
    allowed,
    signal: stop.signal,
  });
  try {
    for (let i = 0; i < 20; i++) {
      const end = await inside.next();
      end.write(`127.0.0.1:${target.port}\n`);
      assert.equal(await textOf(end), "ok\n");
      end.write("x");
      assert.equal(await textOf(end), "echo x");
    }
    const foreign = await inside.next();
    foreign.write("169.254.169.254:80\n");
    assert.match(await textOf(foreign), /^403 /);
    const gone = await inside.next();
    gone.write("127.0.0.1:1\n");
    assert.match(await textOf(gone), /^502 /);
    const chatting = await inside.next();
    chatting.write("x".repeat(1000));
    assert.deepEqual([...lines.refused], ["169.254.169.254:80"]);
    assert.deepEqual([...lines.failed], [["127.0.0.1:1", "ECONNREFUSED"]]);
  } finally {
    stop.abort();
    lines.close();
    target.stop();
  }
});
