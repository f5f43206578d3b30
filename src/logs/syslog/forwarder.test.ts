import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Receiver, tcpReceiver, udpReceiver, unixDatagramReceiver, unixReceiver } from "../../../test/syslog-receivers.ts";
import { realWorld } from "../../lib/world.ts";
import type { LogEntry } from "../logs.ts";
import { type ForwarderParts, SyslogForwarder } from "./forwarder.ts";

type Said = Parameters<ForwarderParts["say"]>;

/** Keeps the test alive: waiting for a receiver keeps no process. */
let alive: NodeJS.Timeout;
before(() => (alive = setInterval(() => {}, 1000)));
after(() => clearInterval(alive));

function open(url: string | null, more: Partial<ForwarderParts> = {}) {
  const said: Said[] = [];
  const urls = new Map([["app1", url]]);
  const forwarder = new SyslogForwarder({
    world: realWorld(),
    allowed: [],
    urlOf: async (_namespace, appId) => urls.get(appId) ?? null,
    say: (...what) => said.push(what),
    ...more,
  });
  return { forwarder, said, urls };
}

function line(text: string, more: Partial<LogEntry["line"]> = {}, appId: string | null = "app1"): LogEntry {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const owner = { namespace: "guest", appId, functionId: "fn1", functionName: "hello", activationId: "act1" };
  return { ...owner, line: { at, stream: "stdout", text, ...more } };
}

async function until(holds: () => boolean, what: () => unknown): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!holds()) {
    if (Date.now() > deadline) assert.fail(`still not: ${JSON.stringify(what())}`);
    await sleep(10);
  }
}

const texts = ({ messages }: Receiver) => messages.map((message) => message.replace(/^.* - /, ""));

const rest = (priority: number, stream: string, text: string) =>
  new RegExp(`^<${priority}>1 2026-01-02T03:04:05\\.678Z [!-~]+ app_id=app1,fn_id=fn1 act1 ${stream} - ${text}$`);

for (const [transport, receive] of [
  ["udp", udpReceiver],
  ["tcp", () => tcpReceiver()],
  ["unix", unixReceiver],
  ["unixgram", unixDatagramReceiver],
] as const) {
  test(`lines go out over ${transport}, in order and as RFC 5424 has them`, async () => {
    const receiver = await receive();
    const { forwarder, said } = open(receiver.url);
    forwarder.kept([line("one"), line("zwei, äöü 日本", { stream: "stderr" }), line("", { stream: "platform" })]);
    forwarder.kept([line("of nobody's app", {}, null), line("of an app without", {}, "app2"), line("four")]);
    await until(
      () => receiver.messages.length === 4,
      () => [receiver.messages, said],
    );
    assert.match(receiver.messages[0] as string, rest(14, "stdout", "one"));
    assert.match(receiver.messages[1] as string, rest(11, "stderr", "zwei, äöü 日本"));
    assert.match(receiver.messages[2] as string, rest(12, "platform", ""));
    assert.match(receiver.messages[3] as string, rest(14, "stdout", "four"));

    const many = Array.from({ length: 100 }, (_, index) => String(index));
    for (const text of many) forwarder.kept([line(text)]);
    await until(
      () => receiver.messages.length >= 104,
      () => receiver.messages.length,
    );
    assert.deepEqual(texts(receiver).slice(4), many);
    await until(
      () => forwarder.counts.sent === 104,
      () => forwarder.counts,
    );
    assert.deepEqual(forwarder.counts, { sent: 104, dropped: 0, waiting: 0, receivers: 1 });
    assert.deepEqual(said, []);
    await forwarder.close();
    await receiver.close();
  });
}

test("a receiver that comes later gets what waited; one that goes and comes back, too", async () => {
  const first = await tcpReceiver();
  const port = Number(new URL(first.url).port);
  await first.close();
  const { forwarder, said } = open(first.url);
  forwarder.kept([line("early")]);
  await until(
    () => said.length === 1,
    () => said,
  );
  assert.match(said[0]?.[0] as string, /takes no lines; trying again/);
  assert.match(said[0]?.[1].reason as string, /ECONNREFUSED/);
  const second = await tcpReceiver(port);
  await until(
    () => second.messages.length === 1,
    () => second.messages,
  );
  second.cut();
  await until(
    () => {
      forwarder.kept([line("late")]);
      return texts(second).includes("late");
    },
    () => said,
  );
  assert.equal(texts(second)[0], "early");
  await forwarder.close();
  await second.close();
});

test("while a receiver takes nothing memory is bounded, what is dropped is counted, and told when it is back", async () => {
  const receiver = await tcpReceiver();
  const port = Number(new URL(receiver.url).port);
  await receiver.close();
  const { forwarder, said } = open(receiver.url, { senderBytesMax: 10_000 });
  const batch = Array.from({ length: 1000 }, (_, index) => line(`line ${index}`));
  forwarder.kept(batch);
  await until(
    () => forwarder.counts.dropped > 0,
    () => forwarder.counts,
  );
  const { dropped, waiting } = forwarder.counts;
  assert.ok(waiting > 10 && waiting < 100 && dropped === 1000 - waiting, JSON.stringify(forwarder.counts));
  const back = await tcpReceiver(port);
  await until(
    () => back.messages.length === waiting + 1,
    () => back.messages,
  );
  assert.deepEqual(texts(back), [
    ...batch.slice(0, waiting).map((entry) => entry.line.text),
    `${dropped} lines were lost: they came faster than they were taken`,
  ]);
  await until(
    () => said.length === 2,
    () => said,
  );
  assert.equal(said[1]?.[1].count, dropped);
  await forwarder.close();
  await back.close();
});

test("a receiver that reads nothing holds up nobody, and closing does not wait for it", async () => {
  const server = createServer((socket) => socket.pause());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const { forwarder } = open(`tcp://127.0.0.1:${port}`);
  const long = "x".repeat(10_000);
  for (let index = 0; index < 3000; index++) forwarder.kept([line(long)]);
  await until(
    () => forwarder.counts.dropped > 0,
    () => forwarder.counts,
  );
  const began = Date.now();
  await forwarder.close();
  assert.ok(Date.now() - began < 15_000);
  assert.equal(forwarder.counts.waiting, 0);
  server.close();
});

test("URLs that cannot be used are told once; a changed URL is looked up again", async () => {
  const receiver = await tcpReceiver();
  for (const [url, expected] of [
    ["http://127.0.0.1:1", /scheme is none of/],
    ["tcp://", /names no host/],
    ["unix://host", /names no socket/],
    ["tcp://127.0.0.1:9", /not among the receivers that are allowed/],
  ] as const) {
    const { forwarder, said, urls } = open(url, { allowed: ["localhost", receiver.url.slice("tcp://".length)] });
    forwarder.kept([line("lost")]);
    forwarder.kept([line("lost, too")]);
    await until(
      () => said.length > 0,
      () => said,
    );
    assert.match(said[0]?.[1].reason as string, expected);
    urls.set("app1", receiver.url);
    forwarder.changed();
    forwarder.kept([line(url)]);
    await until(
      () => texts(receiver).includes(url),
      () => receiver.messages,
    );
    assert.equal(said.length, 1);
    await forwarder.close();
  }
  await receiver.close();
});

test("a unix datagram socket that is not there is told with its reason", async () => {
  const { forwarder, said } = open("unixgram:///no/such/socket");
  forwarder.kept([line("lost")]);
  await until(
    () => said.length === 1,
    () => said,
  );
  assert.match(said[0]?.[1].reason as string, /No such file/);
  await forwarder.close();
});

test("unix datagrams: a receiver that comes later gets what waited, and one program serves all receivers", async () => {
  const folder = mkdtempSync(join(tmpdir(), "syslog-test-"));
  const { forwarder, said, urls } = open(`unixgram://${folder}/datagrams`);
  forwarder.kept([line("early")]);
  await until(
    () => said.length === 1,
    () => said,
  );
  const other = await unixDatagramReceiver();
  urls.set("app2", other.url);
  forwarder.kept([line("of another", {}, "app2")]);
  const late = await unixDatagramReceiver(folder);
  await until(
    () => late.messages.length === 1 && other.messages.length === 1,
    () => [late.messages, other.messages, said],
  );
  assert.deepEqual([texts(late), texts(other)], [["early"], ["of another"]]);
  // Copies of the program are its own children.
  const started = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ");
  const senders = started.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").match(/SO_SNDTIMEO|settimeout/));
  assert.equal(senders.length, 1);
  await forwarder.close();
  await late.close();
  await other.close();
  await until(
    () => !existsSync(`/proc/${senders[0]}`),
    () => "it ends with its server",
  );
});

test("what was printed last is sent before the end", async () => {
  const receiver = await tcpReceiver();
  const { forwarder } = open(receiver.url);
  forwarder.kept([line("last words")]);
  await forwarder.close();
  await until(
    () => receiver.messages.length === 1,
    () => receiver.messages,
  );
  await receiver.close();
});
