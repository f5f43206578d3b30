/** Manifests of wskdeploy: what `polykiln deploy` and `polykiln diff` make of them, beside wskdeploy itself, and what its export brings back. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { manifestSchema } from "../../src/cli/manifest/schema.ts";
import { send } from "../client.ts";
import { askTourAgain, takeTour } from "../client-tour.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { pk, type PkEnded } from "./pk.ts";
import { basic, everythingOf, layProject, type Looker, resultsOf, variables, wholeTour, Wskdeploy } from "./whole-project.ts";

const deployed = "sync -m manifest.yaml -d deployment.yaml";

describe("a manifest with everything", { timeout: 300_000 }, () => {
  let platform: Platform;
  let wskdeploy: Wskdeploy;
  let parent: string;
  /** A copy of the project, which tests change. */
  let cwd: string;
  let own: Looker;
  let other: Looker;

  before(async () => {
    parent = mkdtempSync(join(tmpdir(), "kiln-manifest-"));
    cwd = layProject(parent);
    platform = await startPlatform();
    wskdeploy = new Wskdeploy(platform);
    const { url, auth } = platform;
    other = { url, namespace: "guest", auth };
    const made = await pk(["namespace", "create", "own", "--json"], { cwd, env: { POLYKILN_URL: url } });
    own = { url, namespace: "own", auth: (JSON.parse(made.stdout) as { auth: string }).auth };
  });
  after(async () => {
    wskdeploy.end();
    await platform.stop();
    rmSync(parent, { recursive: true, force: true });
  });

  const run = (args: readonly string[], { url, auth, namespace }: Looker = own): Promise<PkEnded> =>
    pk([...args, "--api-url", url, "--auth", auth, "-n", namespace], { cwd, env: variables });
  const ok = async (args: readonly string[], looker?: Looker): Promise<string> => {
    const ended = await run(args, looker);
    assert.equal(ended.code, 0, ended.stderr);
    return ended.stdout;
  };
  const edit = (file: string, from: string, to: string) => {
    const text = readFileSync(join(cwd, file), "utf8");
    assert.ok(text.includes(from), `${file} has no ${from}`);
    writeFileSync(join(cwd, file), text.replace(from, to));
  };

  test("what would be made is told, and is not made", async () => {
    const told = await ok(["deploy", "--dry-run"]);
    assert.match(
      told,
      /^\+ package whole would be created\n\+ binding tools would be created\n\+ action whole\/price would be created\n/,
    );
    assert.match(told, /\+ api whole-api POST \/whole\/secret would be created\n$/);
    assert.deepEqual(await everythingOf(own), { packages: {}, actions: {}, triggers: {}, rules: {} });
    assert.equal((await run(["diff", "--exit-code"])).code, 1);
  });

  test("it is the same as what wskdeploy makes, and does the same", async () => {
    await wskdeploy.run(deployed);
    assert.match(await ok(["deploy"]), /\+ trigger hourly created\n/);
    assert.deepEqual(await everythingOf(own), await everythingOf(other));
    const results = await resultsOf(own);
    assert.deepEqual(results, await resultsOf(other));
    assert.deepEqual(JSON.parse(String(results["checked"])), { prices: [40], currency: "from start" });
    assert.deepEqual(JSON.parse(String(results["receipt"])), { total: 40, currency: "CHF" });
    assert.deepEqual([results["page"], results["raw"], results["locked"]], ["<h1>The shop</h1>", "a=1&b=2", 401]);
    assert.deepEqual(JSON.parse(String(results["secret"])), { total: 3, currency: "CHF" });
  });

  test("a feed was told its inputs, and a rule does its work", async () => {
    const home = `${own.url}/kiln/v1/namespaces/own`;
    const schedule = await send("GET", `${home}/triggers/hourly/schedule`, undefined, basic(own.auth));
    assert.deepEqual(schedule.json["timing"], { everyMs: 3_600_000 });
    const fired = await send("POST", `${own.url}/api/v1/namespaces/_/triggers/ordered`, "{}", {
      ...basic(own.auth),
      "content-type": "application/json",
    });
    assert.equal(fired.status, 202, fired.text);
  });

  test("a second deploy finds nothing to do, and what wskdeploy made is known", async () => {
    assert.equal(await ok(["deploy"]), "no changes\n");
    assert.doesNotMatch(await ok(["diff"]), /^[+~-]/m);
    const lines = (await ok(["diff"], other)).split("\n").filter(isChange);
    assert.deepEqual(lines, ["~ trigger hourly would change (feed)"], "nobody noted what wskdeploy told the feed");
  });

  test("a change is told by its fields, and nothing else is touched", async () => {
    edit("manifest.yaml", "timeout: 5000", "timeout: 7000");
    edit("manifest.yaml", "minutes: 60", "minutes: 30");
    edit("manifest.yaml", "{ deep: [1, two] }", "{ deep: [1, three] }");
    edit("manifest.yaml", "\n          conductor: true", "");
    edit("deployment.yaml", "amount: 4", "amount: 5");
    writeFileSync(join(cwd, "src/total.py"), "def main(args):\n    return {'total': 0}\n");
    const expected = [
      "~ action whole/price CHANGED (limits.timeout, parameters.amount, annotations.note)",
      "~ action whole/total CHANGED (code)",
      "~ action whole/steer CHANGED (annotations.conductor)",
      "~ trigger hourly CHANGED (feed)",
    ];
    const made = await everythingOf(own);
    assert.deepEqual(
      (await ok(["diff"])).split("\n").filter(isChange),
      expected.map((line) => line.replace("CHANGED", "would change")),
    );
    assert.deepEqual(await everythingOf(own), made);
    assert.deepEqual(
      (await ok(["deploy"])).split("\n").filter(isChange),
      expected.map((line) => line.replace("CHANGED", "changed")),
    );
    assert.equal(await ok(["deploy"]), "no changes\n");
    const steer = ((await everythingOf(own))["actions"] as Record<string, { annotations: object }>)["whole/steer"];
    assert.equal("conductor" in (steer?.annotations ?? {}), false);
  });

  test("what the command line gives comes first", async () => {
    const told = await ok(["diff", "--param", "amount=9", "currency=USD", "--project", "mine"]);
    assert.match(
      told,
      /~ action whole\/price would change \(parameters\.amount, parameters\.fallback, annotations\.whisk-managed\)/,
    );
    assert.match(told, /~ package whole would change \(parameters\.currency, annotations\.whisk-managed\)/);
  });

  test("what the manifest has no more goes with --prune, whoever deployed it; what others made stays", async () => {
    const smaller =
      "project:\n  name: whole\n  packages:\n    whole:\n      actions:\n        price: { function: src/price.js }\n";
    writeFileSync(join(cwd, "smaller.yaml"), smaller);
    const foreign = { exec: { kind: "nodejs:default", code: "exports.main = () => ({});" } };
    const put = (name: string) =>
      send("PUT", `${own.url}/api/v1/namespaces/_/actions/${name}`, JSON.stringify(foreign), {
        ...basic(own.auth),
        "content-type": "application/json",
      });
    assert.deepEqual([(await put("apart")).status, (await put("whole/apart")).status], [200, 200]);
    const args = ["deploy", "-m", "smaller.yaml", "-d", "deployment.yaml"];
    const kept = await run(args);
    assert.match(kept.stderr, /Project whole also has rule bill, rule hour, trigger .* --prune deletes them/);
    assert.match(await ok(args.with(0, "diff")), /- trigger hourly would be deleted with --prune\n/);
    for (const looker of [own, other]) {
      assert.match(await ok([...args, "--prune"], looker), /- trigger hourly deleted\n/);
      assert.equal(await ok([...args, "--prune"], looker), "no changes\n");
    }
    const { packages, actions, triggers, rules } = await everythingOf(own);
    assert.deepEqual(
      [packages, actions, triggers, rules].map((each) => Object.keys(each as object)),
      [["whole"], ["apart", "whole/apart", "whole/price"], [], []],
    );
    const schedule = `${own.url}/kiln/v1/namespaces/own/triggers/hourly/schedule`;
    assert.equal((await send("GET", schedule, undefined, basic(own.auth))).status, 404);
  });
});

test("what is wrong is told with its place, before anything is made", async () => {
  const platform = await startPlatform();
  const cwd = mkdtempSync(join(tmpdir(), "kiln-manifest-"));
  try {
    const manifest = "packages:\n  shop:\n    actions:\n      first: { code: 'exports.main = 1', runtime: 'nodejs:24' }\n";
    writeFileSync(join(cwd, "manifest.yaml"), `${manifest}      second: { code: 'x', runtime: 'nodjs:24' }\n`);
    const auth = ["--api-url", platform.url, "--auth", platform.auth];
    const { code, stderr } = await pk(["deploy", ...auth], { cwd });
    assert.equal(code, 2);
    assert.match(
      stderr,
      /Action shop\/second has the runtime "nodjs:24".*\n {2}at manifest.yaml:5:7\n[^]*did you mean nodejs:24\?/,
    );
    const listed = await send("GET", `${platform.url}/api/v1/namespaces/_/packages`, undefined, basic(platform.auth));
    assert.equal(listed.text, "[]");
    const dangling = `${manifest}    rules: { r: { trigger: t, action: frist } }\n    triggers: { t: }\n`;
    writeFileSync(join(cwd, "manifest.yaml"), dangling);
    const { stderr: loose } = await pk(["deploy", ...auth], { cwd });
    assert.match(
      loose,
      /Rule r has the action shop\/frist, which is neither .*\n {2}at manifest.yaml:5:14\n.*did you mean shop\/first\?/,
    );
    writeFileSync(join(cwd, "manifest.yaml"), manifest.replace("nodejs:24'", "nodejs:24', limits: { timeout: 1 }"));
    const { stderr: refused } = await pk(["deploy", ...auth], { cwd });
    assert.match(refused, /duration 1 milliseconds below .*\n {2}at manifest.yaml:4:7\n {2}The server said so to PUT /);
    const pruned = await pk(["deploy", "--prune", ...auth], { cwd });
    assert.match(pruned.stderr, /--prune needs a project/);
    writeFileSync(join(cwd, "manifest.yaml"), manifest.replace("nodejs:24", "nodejs:18"));
    assert.equal((await pk(["deploy", ...auth], { cwd })).code, 0);
    assert.equal((await pk(["deploy", ...auth], { cwd })).stdout, "no changes\n", "an older name is the kind that it stands for");
    const fallback = { POLYKILN_URL: platform.url, POLYKILN_DATA: platform.data };
    const keyless = await pk(["deploy"], { cwd, env: fallback });
    assert.equal(keyless.stdout, "no changes\n", `the key of this machine's server: ${keyless.stderr}`);
  } finally {
    await platform.stop();
    rmSync(cwd, { recursive: true, force: true });
  }
});

test("what was exported and deployed again does the same", { timeout: 120_000 }, async () => {
  const platform = await startPlatform();
  const wskdeploy = new Wskdeploy(platform);
  const looker = { url: platform.url, namespace: "guest", auth: platform.auth };
  try {
    await wskdeploy.run(deployed);
    const [made, results] = [await everythingOf(looker), await resultsOf(looker)];
    await wskdeploy.run("export --projectname whole -m exported/manifest.yaml");
    await wskdeploy.run("undeploy --projectname whole");
    assert.deepEqual(await everythingOf(looker), { packages: {}, actions: {}, triggers: {}, rules: {} });
    await wskdeploy.run("sync -m exported/manifest.yaml");
    assert.deepEqual(await resultsOf(looker), results);
    assert.deepEqual(exportedOf(await everythingOf(looker)), exportedOf(made));
  } finally {
    wskdeploy.end();
    await platform.stop();
  }
});

/** Lines of what is not as it should be. */
function isChange(line: string): boolean {
  return /^[+~-]/.test(line);
}

interface ShownAction {
  readonly exec: { readonly kind: string };
  readonly parameters: unknown;
  readonly annotations: unknown;
}

/** What wskdeploy's export writes down: no limits, no parameters of packages but those that actions show, nothing of sequences but their actions. */
function exportedOf(everything: Awaited<ReturnType<typeof everythingOf>>): unknown {
  const { actions, packages, triggers, rules } = everything as Record<string, Record<string, ShownAction>>;
  const ofActions = Object.entries(actions ?? {}).map(([name, { exec, parameters, annotations }]) => {
    return [name, exec.kind === "sequence" ? exec : { exec, parameters, annotations }];
  });
  const shown = { actions: ofActions, tools: packages?.["tools"], whole: packages?.["whole"]?.annotations, triggers, rules };
  return JSON.parse(
    JSON.stringify(shown)
      .replaceAll(/"projectHash":"\w+"/g, '"projectHash":""')
      .replaceAll("exported/", ""),
  );
}

test("the tour with wskdeploy is written down anew", { skip: !wholeTour.isRecorded && "WSK_CLI_RECORD does not want it" }, () =>
  takeTour(wholeTour),
);

test("what wskdeploy sends for all of it is answered as it was", { skip: wholeTour.isRecorded && "it is being recorded" }, () =>
  askTourAgain(wholeTour),
);

test("the schema for editors is the one that the client checks with", () => {
  const file = join(import.meta.dirname, "../../schemas/manifest.schema.json");
  assert.ok(isDeepStrictEqual(JSON.parse(readFileSync(file, "utf8")), manifestSchema()), "run npm run build");
});
