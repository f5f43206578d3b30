/** What every sandbox driver promises (`sandbox/sandbox.ts`), as a suite that each of them runs. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import { StdioExitError } from "../../src/lib/exit-error.ts";
import { PlatformError } from "../../src/model/error.ts";
import type { Endpoint, Sandbox, SandboxDriver, SandboxSpec } from "../../src/sandbox/sandbox.ts";

/** The programs that the suite starts; each driver brings them in its own form, under these names. */
export const programNames = [
  "echo-callback", // connects to KILN_SOCKET and sends back what it gets
  "echo-stdio", // sends STDIN back, prints `started` on STDERR, ends with STDIN
  "echo-unix", // makes the socket named by LISTEN and sends back what it gets on each connection
  "echo-port", // listens on PORT after 200 ms
  "echo-loopback", // connects twice to HOST:PORT in OURS and sends back what it gets
  "print", // prints `one` and `three` on STDOUT, `two` on STDERR, ends with status 3
  "tell", // connects to KILN_SOCKET and writes its arguments and variables as JSON
  "places", // prints as JSON where it starts, what is in CODE and LAYERS, which of them it can write to, and whether NAME is its own
  "stay", // ignores SIGTERM, starts a child that does too, prints `ready`, and never ends
] as const;

export type ProgramName = (typeof programNames)[number];

/** A driver under test. */
export interface SandboxSubject {
  readonly driver: SandboxDriver;
  /** Where the program comes from. */
  spec(program: ProgramName): Pick<SandboxSpec, "root" | "image" | "code" | "runtime" | "command">;
  /** Called when the suite is over and the driver is closed. */
  release(): Promise<void>;
}

const limits = { memoryMiB: 256, processesMax: 64, openFilesMax: 256, tmpMiB: 16, tmpFilesMax: 1000 };

/** Runs the suite. `make` is called once, before the first test. */
export function sandboxContract(name: string, make: () => Promise<SandboxSubject>, timeout = 180_000): void {
  describe(`sandbox contract: ${name}`, { timeout }, () => {
    let subject: SandboxSubject;
    let number = 0;
    before(async () => {
      subject = await make();
    });
    after(async () => {
      await subject.driver.close();
      await subject.release();
    });

    async function start(program: ProgramName, endpoint: Endpoint, more: Partial<SandboxSpec> = {}): Promise<Started> {
      const printed: string[] = [];
      number += 1;
      const sandbox = await subject.driver.create({
        ...subject.spec(program),
        id: `contract-${number}`,
        env: {},
        egress: "none",
        endpoint,
        limits,
        output: (stream, data) => printed.push(`${stream}: ${data.toString()}`),
        ...more,
      });
      return { sandbox, printed, connect: () => sandbox.connect(AbortSignal.timeout(20_000)) };
    }

    test("callback: the program connects to us, once", async () => {
      const { sandbox, connect } = await start("echo-callback", { via: "callback" });
      assert.equal(await echo(await connect(), "hello"), "hello");
      await assert.rejects(connect(), PlatformError);
      await sandbox.stop();
    });

    test("stdio: more than any buffer holds comes back, and the end is the end", async () => {
      const { sandbox, printed, connect } = await start("echo-stdio", { via: "stdio" });
      const connection = await connect();
      const bytes = 3_000_000;
      connection.end(Buffer.alloc(bytes, "x"));
      let received = 0;
      for await (const chunk of connection) received += (chunk as Buffer).length;
      assert.equal(received, bytes);
      assert.deepEqual(await sandbox.exited, { code: 0, signal: null, outOfMemory: false });
      assert.equal(printed.join(""), "stderr: started\n");
      await sandbox.stop();
    });

    test("stdio: a program that ends badly fails the connection with its status", async () => {
      const { sandbox, connect } = await start("print", { via: "stdio" });
      const connection = await connect();
      connection.resume();
      const [error] = (await once(connection, "error")) as [StdioExitError];
      assert.ok(error instanceof StdioExitError);
      assert.deepEqual([error.exitCode, error.signal], [3, null]);
      await sandbox.stop();
    });

    test("unix: every connection is a new one", async () => {
      const endpoint = { via: "unix", folder: "/tmp/io", name: "listen.sock" } as const;
      const { sandbox, connect } = await start("echo-unix", endpoint, { env: { LISTEN: "/tmp/io/listen.sock" } });
      assert.equal(await echo(await connect(), "first"), "first");
      assert.equal(await echo(await connect(), "second"), "second");
      await sandbox.stop();
    });

    test("tcp: the port is waited for", async () => {
      const { sandbox, connect } = await start("echo-port", { via: "tcp", port: 18_473 });
      assert.equal(await echo(await connect(), "hello"), "hello");
      assert.equal(await echo(await connect(), "again"), "again");
      await sandbox.stop();
    });

    test("tcp: as many connections as were asked for are open at a time", async () => {
      const count = 150;
      const more = { limits: { ...limits, openFilesMax: 3 * count } };
      const { sandbox, connect } = await start("echo-port", { via: "tcp", port: 18_474, connections: count }, more);
      const connections = await Promise.all(Array.from({ length: count }, connect));
      const texts = connections.map((_, index) => `to ${index}`);
      assert.deepEqual(await Promise.all(connections.map((each, index) => echo(each, texts[index] as string))), texts);
      await sandbox.stop();
    });

    test("loopback: the program connects to us as often as it likes, and nobody else does", async () => {
      const endpoint = { via: "loopback", variable: "OURS" } as const;
      const all = await Promise.all([start("echo-loopback", endpoint), start("echo-loopback", endpoint)]);
      for (const [index, { sandbox, connect }] of all.entries()) {
        const [one, other] = [await connect(), await connect()];
        assert.equal(await echo(other, `first of ${index}`), `first of ${index}`);
        assert.equal(await echo(one, `second of ${index}`), `second of ${index}`);
        const late = sandbox.connect(AbortSignal.timeout(50));
        if (name !== "fake") await assert.rejects(late, "it has no third one");
        await sandbox.stop();
      }
    });

    test("output comes whole and before the end; the status is told", async () => {
      const { sandbox, printed } = await start("print", { via: "callback" });
      assert.deepEqual(await sandbox.exited, { code: 3, signal: null, outOfMemory: false });
      const of = (stream: string) =>
        printed
          .filter((line) => line.startsWith(stream))
          .join("")
          .replaceAll(`${stream}: `, "");
      assert.equal(of("stdout"), "one\nthree\n");
      assert.equal(of("stderr"), "two\n");
      await sandbox.stop();
    });

    test("connect fails when the program ends first, and when it is called off", async () => {
      const ended = await start("print", { via: "callback" });
      await assert.rejects(ended.connect(), (error: PlatformError) => error.code === "function_start_failed");
      const staying = await start("stay", { via: "callback" });
      const reason = new Error("called off");
      const abort = new AbortController();
      setTimeout(() => abort.abort(reason), 20);
      await assert.rejects(staying.sandbox.connect(abort.signal), (error) => error === reason);
      await Promise.all([ended.sandbox.stop(), staying.sandbox.stop()]);
    });

    test("arguments and variables arrive as they are; nothing is added but PATH and HOME", async () => {
      const odd = ["$(id) `id` ; & | > <", "two\nlines\n", "", "'\"\\", " spaces ", "--", "ü\t*"];
      const env = { SOME: "a=b\n$HOME `x`", EMPTY: "" };
      const { sandbox, connect } = await start(
        "tell",
        { via: "callback" },
        {
          command: [...subject.spec("tell").command, ...odd],
          env,
        },
      );
      const told = JSON.parse(await readAll(await connect())) as { args: string[]; env: Record<string, string> };
      assert.deepEqual(told.args, odd);
      const { PATH, HOME, KILN_SOCKET, KILN_CODE: _code, PWD: _pwd, ...others } = told.env;
      assert.deepEqual(others, env);
      assert.ok(PATH !== undefined && HOME !== undefined && KILN_SOCKET !== undefined);
      await sandbox.stop();
    });

    test("the code is in another place, too, where the program starts; layers are in theirs; nobody writes to either", async (t) => {
      const layers = mkdtempSync(join(tmpdir(), "sandbox-layers-"));
      chmodSync(layers, 0o755);
      mkdirSync(`${layers}/lib`, { mode: 0o755 });
      writeFileSync(`${layers}/lib/note`, "layered");
      try {
        if (subject.spec("places").code === null) return t.skip("its programs are no files");
        const env = { CODE: "/var/task", LAYERS: "/opt", NAME: "ours.localdomain" };
        const localNames = [env.NAME];
        const more = { codePlace: "/var/task", layers, localNames, env } as const;
        const { sandbox, printed } = await start("places", { via: "callback" }, more);
        await sandbox.exited;
        const told = JSON.parse(printed.join("").replace(/^stdout: /, "")) as Record<string, unknown>;
        const isApart = subject.driver.name !== "process";
        assert.deepEqual(told, {
          starts: isApart ? "/var/task" : subject.spec("places").code,
          finds: true,
          note: "layered",
          writes: isApart ? [] : told["writes"],
          named: isApart,
        });
      } finally {
        rmSync(layers, { recursive: true });
      }
    });

    test("stop ends what does not want to, any number of times", async () => {
      const { sandbox, printed } = await start("stay", { via: "callback" });
      await until(() => printed.length > 0);
      const [first, second] = await Promise.all([sandbox.stop(), sandbox.stop()]);
      assert.deepEqual(first, { code: null, signal: "SIGKILL", outOfMemory: false });
      assert.deepEqual(second, first);
      assert.deepEqual(await sandbox.exited, first);
      assert.deepEqual(await sandbox.stop(), first);
    });

    test("a paused sandbox goes on when resumed, and can be stopped", async () => {
      const { sandbox, connect } = await start("echo-callback", { via: "callback" });
      const connection = await connect();
      assert.equal(await echo(connection, "before"), "before");
      await sandbox.pause?.();
      await sandbox.resume?.();
      assert.equal(await echo(connection, "after"), "after");
      await sandbox.pause?.();
      assert.equal((await sandbox.stop()).signal, "SIGKILL");
    });

    test("a connection ends with its sandbox", async () => {
      const { sandbox, connect } = await start("echo-callback", { via: "callback" });
      const connection = await connect();
      await echo(connection, "hello");
      const closed = readAll(connection);
      await sandbox.stop();
      assert.equal(await closed, "");
    });

    test("a driver that measures says what a sandbox holds, frozen or not, and nothing of one that is gone", async () => {
      const { sandbox, connect } = await start("echo-callback", { via: "callback" });
      await echo(await connect(), "hello");
      await sandbox.pause?.();
      const bytes = (await sandbox.memoryBytes?.()) ?? null;
      assert.ok(bytes === null || (bytes > 0 && bytes <= limits.memoryMiB * 1024 * 1024), String(bytes));
      await sandbox.stop();
      assert.equal((await sandbox.memoryBytes?.()) ?? null, null);
    });

    test("many at once", async () => {
      const all = await Promise.all(Array.from({ length: 6 }, () => start("echo-callback", { via: "callback" })));
      const answers = await Promise.all(all.map(async ({ connect }, index) => await echo(await connect(), `number ${index}`)));
      assert.deepEqual(
        answers,
        all.map((_, index) => `number ${index}`),
      );
      await Promise.all(all.map(({ sandbox }) => sandbox.stop()));
    });

    test("close ends every sandbox, and nothing is created any more", async () => {
      const own = await make();
      const sandbox = await own.driver.create({
        ...own.spec("stay"),
        id: "last",
        env: {},
        egress: "none",
        endpoint: { via: "callback" },
        limits,
        output: () => {},
      });
      await own.driver.close();
      assert.equal((await sandbox.exited).signal, "SIGKILL");
      await assert.rejects(
        own.driver.create({
          ...own.spec("stay"),
          id: "late",
          env: {},
          egress: "none",
          endpoint: { via: "callback" },
          limits,
          output: () => {},
        }),
        PlatformError,
      );
      await own.release();
    });
  });
}

interface Started {
  readonly sandbox: Sandbox;
  readonly printed: string[];
  connect(): Promise<Duplex>;
}

async function echo(connection: Duplex, text: string): Promise<string> {
  connection.write(text);
  let received = "";
  while (received.length < text.length) {
    const [chunk] = (await once(connection, "data")) as [Buffer];
    received += chunk.toString();
  }
  return received;
}

async function readAll(connection: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of connection) chunks.push(chunk as Buffer);
  } catch {
    // A killed program may leave its connection reset.
  }
  return Buffer.concat(chunks).toString();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
