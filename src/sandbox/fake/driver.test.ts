import type { Duplex } from "node:stream";
import { type ProgramName, sandboxContract } from "../../../test/contract/sandbox.ts";
import { type FakeInside, type FakeProgram, fakeDriver } from "./driver.ts";

const programs: Readonly<Record<ProgramName, FakeProgram>> = {
  "echo-callback": echoOnce,
  "echo-stdio": async (inside) => {
    inside.print("stderr", "started\n");
    await echoOnce(inside);
  },
  "echo-unix": echoAlways,
  "echo-port": echoAlways,
  "echo-loopback": echoAlways,
  print(inside) {
    inside.print("stdout", "one\n");
    inside.print("stderr", "two\n");
    inside.print("stdout", "three\n");
    return 3;
  },
  async tell(inside) {
    const [, ...args] = inside.spec.command;
    const env = { PATH: "/bin", HOME: "/tmp", KILN_SOCKET: "/s", ...inside.spec.env };
    (await inside.accept()).end(JSON.stringify({ args, env }));
  },
  places: () => 0,
  async stay(inside) {
    inside.print("stdout", "ready\n");
    await new Promise(() => {});
  },
};

async function echoOnce(inside: FakeInside): Promise<void> {
  await echoAll(await inside.accept());
}

async function echoAlways(inside: FakeInside): Promise<void> {
  for (;;) void echoAll(await inside.accept());
}

async function echoAll(connection: Duplex): Promise<void> {
  for await (const chunk of connection) {
    if (!connection.write(chunk)) await new Promise((resolve) => connection.once("drain", resolve));
  }
  await new Promise<void>((resolve) => connection.end(resolve));
}

sandboxContract("fake", async () => ({
  driver: fakeDriver(programs),
  spec: (program) => ({ root: null, code: null, runtime: null, command: [program] }),
  release: async () => {},
}));
