/** Whose output is it: calls one right after the other, in every language that prints past our runtimes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { functionSource, goBuild } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { invoke, linesOf, putAction } from "../whisk.ts";

/** Prints `start N` and `err N`, has a child print `child N` on both streams, and, of a call with `long`, bytes that are no text and 1 MB; last `end N` without a line feed. */
interface Printer {
  readonly kind: string;
  readonly code: string;
  /** Its runtime catches what is printed in it, and marks the rest once there was some. */
  readonly catches?: true;
}

const script = `const { execFileSync } = require("node:child_process");
function main({ n, long }) {
  console.log("start " + n);
  console.error("err " + n);
  execFileSync("sh", ["-c", "echo child " + n + "; echo child " + n + " >&2"], { stdio: "inherit" });
  if (long) {
    require("node:fs").writeSync(1, Buffer.from([0xff, 0xfe, 10]));
    console.log("x".repeat(1_000_000));
  }
  require("node:fs").writeSync(1, "end " + n);
  return {};
}`;

const printers: readonly Printer[] = [
  {
    kind: "deno:2",
    code: `import { createRequire } from "node:module";\nconst require = createRequire("/");\n${script.replace("function main", "export function main")}`,
  },
  { kind: "bun:1", code: script },
  { kind: "nodejs:24", code: script, catches: true },
  {
    kind: "python:3.11",
    code: `import subprocess, sys
def main(p):
  print("start", p["n"])
  print("err", p["n"], file=sys.stderr)
  subprocess.run(f"echo child {p['n']}; echo child {p['n']} >&2", shell=True)
  if p.get("long"):
    sys.stdout.buffer.write(b"\\xff\\xfe\\n")
    print("x" * 1_000_000)
  print("end", p["n"], end="")
  return {}`,
    catches: true,
  },
  {
    kind: "ruby:3.1",
    code: `def main(p)
  puts "start #{p["n"]}"
  warn "err #{p["n"]}"
  system("echo child #{p["n"]}; echo child #{p["n"]} >&2")
  puts "\\xff\\xfe", "x" * 1_000_000 if p["long"]
  print "end #{p["n"]}"
  {}
end`,
  },
  {
    kind: "php:8.2",
    code: `<?php
function main(array $p): array {
  echo "start {$p["n"]}\\n";
  fwrite(STDERR, "err {$p["n"]}\\n");
  proc_close(proc_open("echo child {$p["n"]}; echo child {$p["n"]} >&2", [], $pipes));
  if ($p["long"] ?? false) echo "\\xff\\xfe\\n", str_repeat("x", 1000000), "\\n";
  ob_start();
  echo "end {$p["n"]}";
  return [];
}`,
  },
];

const calls = 12;

let platform: Platform;

describe("output of actions", { timeout: 300_000 }, () => {
  before(async () => {
    platform = await startPlatform({ env: { POLYKILN_START_TIMEOUT_MS: "60000" } });
  });

  after(() => platform?.stop());

  for (const { kind, code, catches } of printers) {
    test(`${kind}: each call has its own lines, whoever printed them, and none of another`, async () => {
      const action = kind.replace(/\W/g, "-");
      await putAction(platform, action, { exec: { kind, code } });
      for (const [n, lines] of (await printed(action, 5, catches)).entries())
        assert.deepEqual(lines, [
          `stderr: child ${n}`,
          `stderr: err ${n}`,
          `stdout: child ${n}`,
          `stdout: end ${n}`,
          `stdout: start ${n}`,
        ]);
      const { body } = await invoke(platform, action, { n: 99, long: true });
      await invoke(platform, action, { n: 100 });
      const lines = await linesOf(platform, body.activationId, 6 + Math.ceil(1_000_000 / 16_384));
      const long = lines.filter((line) => line.startsWith("stdout: x")).map((line) => line.slice("stdout: ".length));
      assert.equal(long.join("").length, 1_000_000);
      assert.ok(lines.includes("stdout: \ufffd\ufffd") && lines.includes("stdout: end 99"));
    });
  }

  for (const kind of ["deno:2", "bun:1"]) {
    test(`${kind}: calls at the same time have their own lines`, async () => {
      const code = `export async function main({ n }) {
  console.log("start %s", n);
  await new Promise((resolve) => setTimeout(resolve, 100));
  console.error("end", n);
  return {};
}`;
      const action = `shared-${kind.replace(/\W/g, "-")}`;
      await putAction(platform, action, { exec: { kind, code }, limits: { concurrency: 5 } });
      await invoke(platform, action, { n: "first" });
      const ends = await Promise.all([1, 2, 3, 4, 5].map((n) => invoke(platform, action, { n })));
      for (const [i, { body }] of ends.entries())
        assert.deepEqual(await linesOf(platform, body.activationId, 2), [`stdout: start ${i + 1}`, `stderr: end ${i + 1}`]);
    });
  }

  test("what a program prints right before it ends is there, without a line feed, too", async () => {
    const code = 'def main(p)\n  print "last"\n  $stderr.print "words"\n  exit!(1)\nend';
    await putAction(platform, "ends", { exec: { kind: "ruby:3.1", code } });
    for (let attempt = 0; attempt < 2; attempt++) {
      const { body } = await invoke(platform, "ends");
      assert.equal(body.response.status, "action developer error");
      assert.deepEqual((await linesOf(platform, body.activationId, 2)).toSorted().slice(0, 2), ["stderr: words", "stdout: last"]);
    }
  });

  test("go:1: what a program prints belongs to the call that it was at", async () => {
    const code = readFileSync(await goBuild(functionSource("action-loop-go"))).toString("base64");
    await putAction(platform, "go", { exec: { kind: "go:1", code } });
    for (const lines of await printed("go", 2)) assert.deepEqual(lines, ["stderr: err", "stdout: out"]);
  });
});

/** What each of some calls printed, sorted, once it is so many lines; nobody waited for anything between them. */
async function printed(action: string, lines: number, catches = false): Promise<string[][]> {
  // What a kind runs on may take longer to be made ready than a call waits for it.
  while ([202, 503].includes((await invoke(platform, action, { n: "first" })).status));
  if (catches) await linesOf(platform, (await invoke(platform, action, { n: "first" })).body.activationId, lines);
  const ids: string[] = [];
  for (let n = 0; n < calls; n++) ids.push((await invoke(platform, action, { n })).body.activationId);
  const last = (await invoke(platform, action, { n: "last" })).body.activationId;
  await linesOf(platform, last, lines);
  return await Promise.all(ids.map(async (id) => (await linesOf(platform, id, lines)).toSorted()));
}
