import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Step, stepsOrder, stepsProgram } from "./steps.ts";

const skip = process.platform !== "linux" || process.arch !== "x64";

const order = (...steps: readonly Step[]) => stepsOrder(steps) as Buffer;
const become = (command: readonly string[], variables: readonly string[] = []): Step => ({
  call: "execve",
  args: [command[0] as string, command, variables],
  complaint: `No ${command[0]}`,
});
const script = (text: string) => [process.execPath, "-e", text];

describe("the program that makes the system calls it is told to", { skip }, () => {
  let folder = "";
  let program = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "kiln-steps-"));
    program = join(folder, "program");
    writeFileSync(program, stepsProgram(0), { mode: 0o755 });
    writeFileSync(join(folder, "program-3"), stepsProgram(3), { mode: 0o755 });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (input: Buffer, file = program) => {
    const stdio = file === program ? [input, "pipe", "pipe"] : ["ignore", "pipe", "pipe", "pipe"];
    const { status, stdout, stderr } = spawnSync(file, ["ignored"], {
      ...(stdio[0] === input ? { input } : {}),
      timeout: 10_000,
      env: { IGNORED: "1" },
    });
    return { status, stdout: stdout.toString(), stderr: stderr.toString() };
  };

  test("it becomes a command, with this environment and no other", () => {
    const variables = ["PATH=/bin", "a.b=two\nlines", "EMPTY=", "ä=ö"];
    const told = "process.stdout.write(JSON.stringify([process.argv.slice(1), process.env]))";
    const { status, stdout } = run(order(become([...script(told), "", "a b", "€"], variables)));
    assert.equal(status, 0);
    assert.deepEqual(JSON.parse(stdout), [["", "a b", "€"], { PATH: "/bin", "a.b": "two\nlines", EMPTY: "", ä: "ö" }]);
  });

  test("what follows on its descriptor is the command's, and so is another order before", () => {
    const rest = Buffer.alloc(300_000, "x");
    const first = order(
      { call: "umask", args: [0o77], complaint: "" },
      { call: "mkdir", args: [join(folder, "made"), 0o777], complaint: "" },
    );
    const { stdout } = run(Buffer.concat([first, order(become(script("process.stdin.pipe(process.stdout)"))), rest]));
    assert.equal(stdout.length, rest.length);
    assert.equal(statSync(join(folder, "made")).mode & 0o777, 0o700);
  });

  test("steps share memory, children are waited for, and descriptors count on", () => {
    const file = join(folder, "written");
    const status = Buffer.alloc(4);
    const child = (code: number): Step[] => [
      { call: "vfork", args: [], skip: 1, complaint: "vfork" },
      become(["/bin/sh", "-c", `cat >> ${file}; exit ${code}`]),
      { call: "wait4", args: [-1, status, 0, 0], complaint: "wait4" },
      { call: "look", args: [status], result: 0, complaint: `it ended with ${code}` },
    ];
    const { status: end, stderr } = run(
      Buffer.concat([
        order(
          { call: "pipe2", args: [Buffer.alloc(8), 0o2_000_000], complaint: "pipe2" },
          { call: "write", args: [4, "said", 4], result: 4, complaint: "write" },
          { call: "close", args: [4], complaint: "close" },
          { call: "dup2", args: [3, 0], complaint: "dup2" },
          { call: "close", args: [3], complaint: "close" },
          ...child(0),
          { call: "close", args: [77], result: "any", complaint: "close 77" },
          ...child(5),
        ),
      ]),
    );
    assert.deepEqual([end, stderr, readFileSync(file, "utf8")], [127, "it ended with 5\n", "said"]);
  });

  test("an order in pieces, and a long one", () => {
    const long = `LONG=${"x".repeat(100_000)}`;
    assert.equal(run(order(become(script("process.exitCode = process.env.LONG.length === 100000 ? 7 : 1"), [long]))).status, 7);
    // Each byte a read of its own.
    writeFileSync(join(folder, "order"), order(become(["/bin/sh", "-c", "exit 9"])));
    const slow = `dd if=${join(folder, "order")} bs=1 status=none | ${program}`;
    assert.throws(() => execFileSync("sh", ["-c", slow], { timeout: 10_000 }), { status: 9 });
    const third = `${join(folder, "program-3")} 3< ${join(folder, "order")}`;
    assert.throws(() => execFileSync("sh", ["-c", third], { timeout: 10_000 }), { status: 9 });
    assert.equal(stepsOrder([become(["/bin/true", "x".repeat(3_000_000)])]), null);
    assert.throws(() => order(become(["/bin/true", "a\0b"])), /has a NUL in it/);
  });

  test("it says what did not go well and does nothing after it, and ends without an order", () => {
    const never: Step = { call: "mkdir", args: [join(folder, "never"), 0o777], complaint: "" };
    const cases: Step[] = [
      become(["/no/such/program"]),
      { call: "mkdir", args: [folder, 0o777], complaint: "It is there" },
      { call: "umask", args: [0], result: 1, complaint: "Another result" },
    ];
    for (const each of cases)
      assert.deepEqual(run(order(each, never)), { status: 127, stdout: "", stderr: `${each.complaint}\n` });
    assert.equal(existsSync(join(folder, "never")), false);
    const whole = order(become(["/bin/true"]));
    for (const part of [Buffer.alloc(0), whole.subarray(0, 5), whole.subarray(0, 60)]) {
      assert.deepEqual(run(part), { status: 125, stdout: "", stderr: "" });
    }
  });
});
