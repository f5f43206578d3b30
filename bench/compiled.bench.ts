import { globSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { makeZip, type ZipEntry } from "../test/archives.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, type Check, compare, median } from "./bench.ts";

const rounds = 21;

/** Cold starts of the same code with and without what was compiled at its deploy; each call has a start of its own, and no stem cell. */
export const bench: Bench = {
  question: "What does a cold start of many modules cost with code compiled ahead, beside the same code as it is?",
  unit: "ms",
  async run() {
    const platform = await startPlatform();
    try {
      const node = await check(platform, "nodejs:24", nodeModules(200), ".kiln", 0.85);
      const python = await check(platform, "python:3.11", pythonModules(30), "__pycache__", 0.8);
      return { n: rounds, checks: [node, python] };
    } finally {
      await platform.stop();
    }
  },
};

/** `place` is where the compiled files would be: something is in their way for the reference. */
async function check(
  platform: Platform,
  kind: string,
  files: readonly ZipEntry[],
  place: string,
  target: number,
): Promise<Check> {
  const name = kind.replace(/\W/g, "-");
  const settings = { kind, isolation: "fresh", egress: "none", timeoutMs: 60_000 };
  const ahead = await platform.deploy({ name: `${name}-ahead`, archive: makeZip(files), settings });
  const blocked = makeZip([...files, { name: place, data: Buffer.from("in the way") }]);
  const asIs = await platform.deploy({ name: `${name}-as-is`, archive: blocked, settings });
  for (const fn of [ahead, asIs]) await callMs(fn);
  const giveUpAt = performance.now() + 120_000;
  while (globSync(`${platform.data}/compiled/${ahead.id}/*/compiled.json`).length === 0) {
    if (performance.now() > giveUpAt) throw new Error(`The code for ${kind} was not compiled within two minutes`);
    await sleep(50);
  }
  const [aheadMs, asIsMs]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    const both = [await callMs(ahead), await callMs(asIs)] as const;
    if (round > 0) [aheadMs, asIsMs].forEach((list, which) => list.push(both[which] as number));
  }
  return compare(`${kind} compiled ahead, p50`, median(aheadMs), "as it is, p50", median(asIsMs), target);
}

/** With a pause in which the sandbox of the call before is gone and the next one is prepared. */
async function callMs(fn: DeployedFunction): Promise<number> {
  await sleep(150);
  const beganAt = performance.now();
  const response = await fetch(fn.invokeUrl, { method: "POST" });
  const text = await response.text();
  if (!response.ok) throw new Error(`Unexpected answer: ${text}`);
  return performance.now() - beganAt;
}

const nodeModule = (i: number) => `"use strict";
const path = require("node:path");
class Thing${i} {
  constructor(list) { this.list = list; }
  sum() { return this.list.reduce((a, b) => a + b, ${i}); }
  describe() { return \`thing ${i} with \${this.list.length} entries and \${this.sum()}\`; }
}
const table = { ${Array.from({ length: 20 }, (_, k) => `key${k}: { id: ${k}, name: "n${k}", path: "a/b${k}" }`).join(", ")} };
function parse(text) { const found = {}; for (const part of text.split("&")) { const [k, v] = part.split("="); found[k] = decodeURIComponent(v); } return found; }
module.exports = { Thing: Thing${i}, table, top: path.sep, parse, ready: new Thing${i}([1, 2]).describe() };
`;

/** Some 1.4 KB each, of which a part runs as it is loaded. */
function nodeModules(count: number): ZipEntry[] {
  const names = Array.from({ length: count }, (_, i) => `lib/m${i}.js`);
  const main = `const all = [${names.map((name) => `require("./${name}")`).join(", ")}]; exports.handler = () => all.length;`;
  return [...names.map((name, i) => ({ name, data: Buffer.from(nodeModule(i)) })), { name: "index.js", data: Buffer.from(main) }];
}

const pythonMethod = (k: number) =>
  `    def f${k}(self, a, b=${k}):\n        "What it does"\n        return [x * ${k} for x in range(a) if x % (b + 1) == 0]\n`;

const pythonModule = (i: number) =>
  `import json\n\n\nclass T${i}:\n${Array.from({ length: 12 }, (_, k) => pythonMethod(k)).join("\n")}`;

function pythonModules(count: number): ZipEntry[] {
  const names = Array.from({ length: count }, (_, i) => `m${i}`);
  const main = `import datetime, hashlib, urllib.parse\n${names.map((name) => `import ${name}`).join("\n")}\n\n\ndef handler(event, context):\n    return ${count}\n`;
  return [
    ...names.map((name, i) => ({ name: `${name}.py`, data: Buffer.from(pythonModule(i)) })),
    { name: "main.py", data: Buffer.from(main) },
  ];
}
