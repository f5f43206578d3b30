/** The functions in `examples/fn`: each folder is built and deployed as its README says, and called through Fn's door. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { copyFile, cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { type Answer, call, linesOf, send } from "../client.ts";
import { goBuild, javaBuild, javaMissing, mavenKit } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { pk } from "../product/pk.ts";

const examples = join(import.meta.dirname, "../../examples/fn");
const folderOf = (name: string) => join(examples, name);

interface Example {
  /** What is made of the folder before it is deployed. */
  readonly build?: (folder: string, built: string) => Promise<void>;
  /** Protocol and kind that its func.yaml comes to. */
  readonly runs: string;
  readonly body: string;
  readonly answer: string;
  /** What it logs of a call whose id is this; absent: nothing. */
  readonly logs?: RegExp;
}

const ada = { body: '{"name":"Ada"}', answer: '{"message":"Hello Ada"}' };
const logs = /^stderr call \[?[0-9A-Z]{26}\]?$/;

const all: Readonly<Record<string, Example>> = {
  node: { runs: "http-stream nodejs:24", ...ada },
  python: { runs: "http-stream python:3.11", ...ada },
  go: { runs: "http-stream go:1", build: buildGo, ...ada },
  java: { runs: "http-stream java:17", build: buildJava, ...ada },
  "default-shell": { runs: "stdio native:1", body: "Ada\n", answer: "Hello Ada by POST", logs },
  "http-go": { runs: "stdio-http go:1", build: buildGo, body: "Ada", answer: "Hello Ada by POST", logs },
  "json-python": { runs: "stdio-json python:3.11", ...ada, logs },
  "cloudevent-node": { runs: "stdio-cloudevent nodejs:24", ...ada, logs },
};

let platform: Platform;

describe("examples of Fn", { concurrency: 2, timeout: 600_000 }, () => {
  before(async () => {
    platform = await startPlatform({ env: { POLYKILN_START_TIMEOUT_MS: "60000" } });
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  test("each folder is here, with a func.yaml of today and a README", () => {
    const folders = readdirSync(examples, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(folders.map(({ name }) => name).toSorted(), Object.keys(all).toSorted());
    for (const { name } of folders) {
      const { schema_version, name: own, version, runtime } = parse(readFileSync(join(folderOf(name), "func.yaml"), "utf8"));
      assert.deepEqual([schema_version, version], [20180708, "0.0.1"], name);
      assert.match(`${own} ${runtime}`, /^hello-[a-z]+ [a-z]+(:1)?$/);
      assert.match(readFileSync(join(folderOf(name), "README.md"), "utf8"), /^# /);
    }
  });

  for (const [name, example] of Object.entries(all)) {
    test(name, async (context) => {
      const missing = name === "java" ? await javaMissing() : null;
      if (missing !== null) return context.skip(missing);
      await check(name, example);
    });
  }
});

async function check(name: string, { build, runs, body, answer, logs: line }: Example): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fn-example-"));
  try {
    await cp(folderOf(name), folder, { recursive: true });
    await build?.(folderOf(name), folder);
    const env = { HOME: folder, POLYKILN_URL: platform.url };
    const deployed = await pk(["deploy", "--app", `fn-${name}`], { cwd: folder, env });
    assert.equal(deployed.code, 0, deployed.stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const functions = `${platform.url}/kiln/v1/namespaces/guest/apps/fn-${name}/functions`;
  const [fn] = (await send("GET", functions)).json["items"] as { id: string; protocol: string; kind: string }[];
  assert.equal(`${fn?.protocol} ${fn?.kind}`, runs);
  for (let i = 0; i < 2; i++) {
    const said = await whenPrepared(() => call(`${platform.url}/invoke/${fn?.id}`, body, { "content-type": "application/json" }));
    assert.equal(said.status, 200, said.text);
    assert.equal(said.text.trim().replaceAll('": ', '":'), answer);
    if (line !== undefined) assert.match((await linesOf(platform.url, said.activationId, 1)).join("\n"), line);
  }
}

async function buildGo(source: string, folder: string): Promise<void> {
  await copyFile(await goBuild(source), join(folder, "func"));
}

/** What Maven makes of it, as its README says. */
async function buildJava(source: string, folder: string): Promise<void> {
  const kit = await mavenKit("com.fnproject.fn:runtime:1.0.212");
  await cp(await javaBuild(join(source, "src/main/java"), kit), join(folder, "classes"), { recursive: true });
  await cp(kit, join(folder, "lib"), { recursive: true });
}

/** The first use of a kind builds its root, for which no call waits long enough. */
async function whenPrepared(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (answer.status !== 503 || tries === 40) return answer;
    // Fn's door says no more than that it is too busy.
    assert.match(answer.text, /still being made ready|busy/);
  }
}
