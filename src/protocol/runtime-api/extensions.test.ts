import assert from "node:assert/strict";
import { duplexPair, type Duplex } from "node:stream";
import { test } from "node:test";
import { realWorld } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { type Asked, Connection } from "./connection.ts";
import { Extensions } from "./extensions.ts";

const about = {
  functionName: "f",
  functionVersion: "$LATEST",
  handler: "app.handler",
  accountId: "123456789012",
  memoryMiB: 128,
};

function started(...names: readonly string[]) {
  const printed: string[] = [];
  const extensions = new Extensions({ names, about, world: realWorld(), printed: (text) => printed.push(text) });
  const failures: PlatformError[] = [];
  extensions.owner = { failed: (error) => failures.push(error), runtimeEnded: () => {} };
  const site = {
    asked: (request: Asked) => extensions.asked(request),
    closed: (connection: Connection) => extensions.closed(connection),
  };
  const connect = () => {
    const [near, far] = duplexPair();
    return new Peer(near, new Connection(far, site));
  };
  return { extensions, connect, printed, failures };
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly id: string;
}

/** What asks, over a connection of its own. */
class Peer {
  readonly stream: Duplex;
  /** The other end of it. */
  readonly connection: Connection;
  text = "";

  constructor(stream: Duplex, connection: Connection) {
    this.stream = stream;
    this.connection = connection;
    stream.on("data", (data: Buffer) => {
      this.text += data.toString();
    });
    stream.on("error", () => {});
  }

  send(method: string, path: string, body = "", headers: readonly string[] = []): void {
    this.text = "";
    this.stream.write(
      [`${method} ${path} HTTP/1.1`, "Host: h", `Content-Length: ${body.length}`, ...headers, "", body].join("\r\n"),
    );
  }

  async answer(): Promise<Answer> {
    for (let tries = 0; tries < 400 && !/\r\n\r\n/.test(this.text); tries++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const [head = "", text = ""] = this.text.split("\r\n\r\n");
    return { status: Number(head.split(" ")[1]), text, id: /Identifier: (\S+)/.exec(head)?.[1] ?? "" };
  }

  ask(...asked: Parameters<Peer["send"]>): Promise<Answer> {
    this.send(...asked);
    return this.answer();
  }

  register(name: string, events: readonly string[] = ["INVOKE"]): Promise<Answer> {
    const path = "/2020-01-01/extension/register";
    return this.ask("POST", path, JSON.stringify({ events }), [`Lambda-Extension-Name: ${name}`]);
  }

  next(id: string): void {
    this.send("GET", "/2020-01-01/extension/event/next", "", [`Lambda-Extension-Identifier: ${id}`]);
  }
}

const typeOf = ({ text }: Answer) => (JSON.parse(text) as { errorType: string }).errorType;
const call = { requestId: "r", deadlineMs: 1, invokedFunctionArn: "arn", traceId: undefined };
const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

test("those within the runtime hear of calls alone, are ten at most, and come before the runtime is ready", async () => {
  const { extensions, connect } = started();
  const peers = Array.from({ length: 11 }, connect);
  assert.equal(typeOf(await (peers[0] as Peer).register("one", ["SHUTDOWN"])), "Extension.InvalidEventType");
  const answers = [];
  for (const [at, peer] of peers.entries()) answers.push(await peer.register(`number-${at}`));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [...Array.from({ length: 10 }, () => 200), 403],
  );
  assert.equal(typeOf(answers[10] as Answer), "Extension.TooManyExtensions");
  assert.equal(typeOf(await connect().register("number-1")), "Extension.InvalidExtensionState");
  for (const [at, { id }] of answers.slice(0, 10).entries()) (peers[at] as Peer).next(id);
  await soon();
  extensions.runtimeReady();
  await extensions.ready;
  assert.equal(typeOf(await connect().register("late")), "Extension.RegistrationClosed");
  extensions.close();
});

test("a telemetry subscription is refused kindly where nothing leads to who asks for it", async () => {
  const { extensions, connect } = started();
  const peer = connect();
  const { id } = await peer.register("inner");
  const answer = await peer.ask("PUT", "/2022-07-01/telemetry", "{}", [`Lambda-Extension-Identifier: ${id}`]);
  assert.deepEqual([answer.status, typeOf(answer)], [202, "Telemetry.NotSupported"]);
  extensions.close();
});

test("the program starts when all have registered, and all is ready when each has polled", async () => {
  const { extensions, connect } = started("a", "b");
  const [launcher, a, b] = [connect(), connect(), connect()];
  launcher.send("GET", "/kiln/extensions/registered");
  const first = await a.register("a", ["INVOKE", "SHUTDOWN"]);
  await soon();
  assert.equal(launcher.text, "");
  const second = await b.register("b", []);
  assert.equal((await launcher.answer()).status, 200);
  extensions.runtimeReady();
  let isReady = false;
  void extensions.ready.then(() => {
    isReady = true;
  });
  a.next(first.id);
  await soon();
  assert.equal(isReady, false);
  b.next(second.id);
  await extensions.ready;
  assert.equal(extensions.settling(), null);
  extensions.invoke(call);
  assert.equal(JSON.parse((await a.answer()).text).eventType, "INVOKE");
  assert.equal(b.text, "", "it did not ask to hear of calls");
  const settled = extensions.settling();
  assert.notEqual(settled, null);
  a.next(first.id);
  await settled;
  extensions.close();
});

test("an event waits for a poll that comes late, and for another one where the first was given up", async () => {
  const { extensions, connect } = started("a");
  const peer = connect();
  const { id } = await peer.register("a");
  const given = connect();
  given.next(id);
  await soon();
  given.stream.destroy();
  await soon();
  extensions.runtimeReady();
  extensions.invoke(call);
  assert.notEqual(extensions.settling(), null);
  peer.next(id);
  assert.equal(JSON.parse((await peer.answer()).text).requestId, "r");
  extensions.close();
});

test("its lines are told, its end before it was ready fails the start, and what comes after that is not heard", async () => {
  const { extensions, connect, printed, failures } = started("a");
  const output = connect();
  output.stream.write("POST /kiln/extensions/0/output HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\none\ntw");
  output.stream.write("o\n");
  assert.equal((await connect().ask("POST", "/kiln/extensions/0/ended/126")).status, 200);
  await assert.rejects(extensions.ready, (error: PlatformError) => error.details["type"] === "Extension.LaunchError");
  await connect().ask("POST", "/kiln/extensions/0/ended/1");
  await connect().ask("POST", "/kiln/extensions/7/ended/1");
  assert.deepEqual([printed, failures.length], [["one", "two"], 1]);
  extensions.close();
});

test("at the end the program is ended first, then they are told, and who asks for more has left", async () => {
  const { extensions, connect } = started("a");
  const [control, peer, launcher] = [connect(), connect(), connect()];
  const { id } = await peer.register("a", ["SHUTDOWN"]);
  peer.next(id);
  control.send("GET", "/kiln/control");
  extensions.runtimeReady();
  await extensions.ready;
  const left = extensions.leave("timeout");
  await soon();
  assert.deepEqual([control.text, peer.text], ["end\n", ""]);
  launcher.send("POST", "/kiln/runtime/ended");
  const event = JSON.parse((await peer.answer()).text) as Record<string, unknown>;
  assert.deepEqual([event["eventType"], event["shutdownReason"]], ["SHUTDOWN", "timeout"]);
  assert.equal(launcher.text, "", "the launcher waits");
  peer.next(id);
  await left;
  assert.equal((await launcher.answer()).status, 200);
  assert.equal(extensions.leave("spindown"), extensions.leave("failure"), "once");
  extensions.close();
});
