/** Go programs under Fn's contract: Fn's kit where this machine's module proxy has it, and a command wrapped as hotwrap wraps it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { call, linesOf, put, recordOf, send } from "../client.ts";
import { functionSource, goBuild, goModuleBuild } from "../kits.ts";
import { pack } from "../pack.ts";
import { type Platform, startPlatform } from "../platform.ts";

let platform: Platform;

const kit = await goModuleBuild(functionSource("fdk-go"));

describe("Go under Fn's contract", { timeout: 300_000 }, () => {
  before(async () => {
    platform = await startPlatform();
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  test("the kit from a module proxy, unmodified", { skip: "missing" in kit ? kit.missing : false }, async () => {
    assert.ok("program" in kit);
    const { fnUrl, route } = await deploy("fdk-go", await readFile(kit.program), { kind: "go:1", config: { GREETING: "hello" } });
    const first = await call(fnUrl, { name: "Ada", print: "to the first" }, { "x-trace": "t1" });
    assert.equal(first.status, 200, first.text);
    const { message, config, trace, callId } = first.json;
    assert.deepEqual([message, config, trace, callId], ["Hello Ada", "hello", "t1", first.headers.get("fn-call-id")]);
    const second = await call(fnUrl, { name: "Bea" });
    assert.match((await recordOf(platform.url, second.activationId)).start, /^(hot|warm)$/);
    assert.deepEqual((await linesOf(platform.url, first.activationId, 2)).toSorted(), [
      "stderr error to the first",
      "stdout to the first",
    ]);
    const routed = await send("PUT", `${route}?q=1`, '{"name":"Cy"}', { "x-custom": "c" });
    assert.deepEqual([routed.status, routed.headers.get("location")], [201, "/made"]);
    assert.deepEqual([routed.json["method"], routed.json["url"], routed.json["custom"]], ["PUT", `${route}?q=1`, "c"]);
  });

  test("hotwrap's contract by a program of ours", async () => checkWrapped("ours", await goBuild(functionSource("fn-hotwrap"))));

  const own = process.env["FN_HOTWRAP"];
  test("hotwrap itself", { skip: own === undefined ? "FN_HOTWRAP names no hotwrap program" : false }, () =>
    checkWrapped("fns", own ?? ""),
  );
});

async function deploy(app: string, archive: Buffer, settings: object) {
  const made = await platform.deploy({ name: "fn", app, archive, settings: { protocol: "http-stream", ...settings } });
  await put(`${platform.url}/kiln/v1/namespaces/guest/apps/${app}/routes/made`, { function: "fn", source: "/made" });
  return { ...made, route: `${platform.url}/t/${app}/made` };
}

async function checkWrapped(app: string, program: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "hotwrap-"));
  await copyFile(program, join(folder, "hotwrap"));
  await copyFile(join(functionSource("fn-hotwrap"), "func.sh"), join(folder, "func.sh"));
  const archive = await pack({ folder });
  rmSync(folder, { recursive: true });
  const command = ["./hotwrap", "/function/func.sh"];
  const { fnUrl, route } = await deploy(`hotwrap-${app}`, archive, { kind: "native:1", command });
  const starts: string[] = [];
  for (const name of ["Ada", "Bea"]) {
    const answer = await call(fnUrl, `${name}\n`);
    assert.deepEqual([answer.status, answer.text], [200, `Hello ${name} by nobody\n`]);
    const printed = await linesOf(platform.url, answer.activationId, 1);
    assert.ok(printed.includes(`stderr call ${answer.headers.get("fn-call-id")}`), printed.join());
    starts.push((await recordOf(platform.url, answer.activationId)).start);
  }
  assert.match(starts[1] ?? "", /^(hot|warm)$/, "one wrapper serves both");
  assert.equal((await send("PUT", route, "Cy\n")).text, "Hello Cy by PUT\n");
  const failed = await send("PUT", route, "fail\n");
  assert.equal(failed.status, 500);
  assert.match(failed.text, /^error running .*exit status 3$/);
  assert.equal((await call(fnUrl, "Dee\n")).text, "Hello Dee by nobody\n");
}
