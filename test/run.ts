/**
 * Runs every check and every test, prints what failed, and ends with `N passed, N failed`. Arguments: patterns of test files, to run
 * only those (without the checks).
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { inspect, styleText } from "node:util";

const root = join(import.meta.dirname, "..");
process.chdir(root);

/** What `npm run check` is made of; each counts as one. */
const checks: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["format", ["biome", "check", "--error-on-warnings", "."]],
  ["lint", ["oxlint", "--deny-warnings", "."]],
  ["types", ["tsc", "--noEmit"]],
  ["types of the console", ["tsc", "-p", "ui"]],
  ["unused code", ["knip"]],
];

const patterns = process.argv.slice(2);
/** The longest test takes about a minute alone on two cores. */
const testMaxMs = 600_000;
const silenceMaxMs = testMaxMs + 60_000;
const counts = { passed: 0, failed: 0, skipped: 0 };

if (patterns.length === 0) for (const [name, command] of checks) check(name, command);
await runTests(globSync(patterns.length > 0 ? patterns : ["{src,ui/src,test,bench,runtimes}/**/*.test.ts"]).toSorted());
end();

function check(name: string, command: readonly string[]): void {
  const [program = "", ...args] = command;
  const result = spawnSync(join(root, "node_modules/.bin", program), args, { encoding: "utf8", timeout: 300_000 });
  const ok = result.status === 0;
  tell(ok, `check: ${name}`, 0);
  if (!ok) process.stdout.write(`${result.stdout}${result.stderr}${result.error ?? ""}\n`);
  counts[ok ? "passed" : "failed"]++;
}

async function runTests(files: readonly string[]): Promise<void> {
  // Two files at a time: there are two cores, and tests that measure time share them with one other at most.
  const stream = run({
    files: [...files],
    concurrency: 2,
    timeout: testMaxMs,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const silence = setTimeout(giveUp, silenceMaxMs);
  for (const event of ["test:pass", "test:fail"] as const) stream.on(event, () => silence.refresh());
  stream.on("test:pass", (event) => {
    if (event.details.type === "suite" || isFile(event.name)) return;
    if (event.skip !== undefined) counts.skipped++;
    else counts.passed++;
    tell(
      true,
      `${event.file ?? ""}: ${event.name}${event.skip === undefined ? "" : ` (skipped: ${String(event.skip)})`}`,
      event.details.duration_ms,
    );
  });
  stream.on("test:fail", (event) => {
    // A suite fails with each of its tests; what fails in it besides is what its hooks find.
    const { error, type } = event.details;
    if (type === "suite" && (error as { failureType?: string }).failureType === "subtestsFailed") return;
    counts.failed++;
    tell(false, `${event.file ?? ""}: ${event.name}`, event.details.duration_ms);
    process.stdout.write(`${inspect(error.cause ?? error, { depth: 3, maxStringLength: 4000 })}\n`);
  });
  stream.on("test:stderr", (event) => process.stderr.write(event.message));
  for await (const _ of stream);
  clearTimeout(silence);
}

/** A test that failed may have left a server behind, and its file then never ends: the last line gets printed all the same. */
function giveUp(): void {
  const own = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean);
  for (const pid of own) process.kill(Number(pid), "SIGKILL");
  counts.failed++;
  tell(false, `no test has ended for ${silenceMaxMs / 1000} s`, 0);
  end();
}

function end(): never {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0);
}

/** A file that holds no test of its own shows as one test with the file's name. */
function isFile(name: string): boolean {
  return name.endsWith(".test.ts");
}

function tell(ok: boolean, name: string, durationMs: number): void {
  const mark = ok ? styleText("green", "ok  ") : styleText("red", "FAIL");
  process.stdout.write(`${mark} ${name.replace(`${root}/`, "")}${durationMs > 1000 ? ` (${Math.round(durationMs)} ms)` : ""}\n`);
}
