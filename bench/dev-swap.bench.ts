import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cleanEnvironment } from "../test/platform.ts";
import { Dev, untilServed } from "../test/product/dev-server.ts";
import { type Bench, compare, median } from "./bench.ts";

const edits = 20;
/** What a person does not notice. */
const targetMs = 150;
/** The same on a machine of any speed: node starts in about 40 ms where this was written. */
const ratioMax = 4;

interface Language {
  readonly name: string;
  readonly kind: string;
  readonly file: string;
  source(text: string): string;
}

const languages: readonly Language[] = [
  {
    name: "Node",
    kind: "nodejs:24",
    file: "index.js",
    source: (text) => `exports.handler = () => ({ text: "${text}" });\n`,
  },
  {
    name: "Python",
    kind: "python:3.11",
    file: "handler.py",
    source: (text) => `def handler(event, context):\n    return {"text": "${text}"}\n`,
  },
];

/** Under `dev`: from the write of a file to the first answer with the new text, a call right after the other. */
export const bench: Bench = {
  question: "How long after a file was saved is its new code served?",
  unit: "ms",
  async run() {
    const checks = [];
    for (const language of languages) {
      const { servedMs, plainMs } = await measure(language);
      const metric = `save to served, ${language.name}, p50`;
      checks.push(compare(metric, median(servedMs), "what a person does not notice", targetMs, 1));
      checks.push(compare(metric, median(servedMs), "plain node start, p50", median(plainMs), ratioMax));
    }
    return { n: edits, checks };
  },
};

async function measure({ kind, file, source }: Language): Promise<{ servedMs: number[]; plainMs: number[] }> {
  const home = mkdtempSync(join(tmpdir(), "kiln-swap-"));
  chmodSync(home, 0o711);
  const folder = join(home, "project");
  mkdirSync(folder);
  writeFileSync(join(folder, "kiln.yaml"), `functions:\n  hello:\n    kind: ${kind}\n`);
  writeFileSync(join(folder, file), source("edit 0."));
  const dev = new Dev(folder, { ...cleanEnvironment, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home });
  try {
    const url = (await dev.event("ready")).functions[0]?.url as string;
    await untilServed(url, "edit 0.");
    const servedMs: number[] = [];
    const plainMs: number[] = [];
    for (let edit = 1; edit <= edits; edit++) {
      // As after a pause for thought: nothing of the last edit is under way.
      await sleep(300);
      const beganAt = performance.now();
      writeFileSync(join(folder, file), source(`edit ${edit}.`));
      servedMs.push(await untilServed(url, `edit ${edit}.`, beganAt));
      plainMs.push(plainStartMs());
    }
    return { servedMs, plainMs };
  } finally {
    await dev.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

function plainStartMs(): number {
  const beganAt = performance.now();
  spawnSync(process.execPath, ["-e", ""], { timeout: 60_000, env: cleanEnvironment });
  return performance.now() - beganAt;
}
