/**
 * Composer for Python, unmodified: no registry has it, so that PYCOMPOSER names a folder with its sources. What its compositions need of a server, and other
 * actions of Python as well, is tested without it.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../assembled-invocation.ts";
import { run } from "../fn-client.ts";
import { pipKit, python } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { cannotNetwork } from "../security/egress-world.ts";
import { invoke, putAction, whisk, type WhiskActivation } from "../whisk.ts";

type Json = Readonly<Record<string, unknown>>;

const sources = process.env["PYCOMPOSER"] ?? "";
const home = mkdtempSync(join(tmpdir(), "kiln-pycomposer-"));
let platform: Platform;
let modules = "";

before(async () => {
  platform = await startPlatform();
});
after(async () => {
  await platform?.stop();
  rmSync(home, { recursive: true, force: true });
});

test("modules that OpenWhisk's Python runtime has are there for code that imports them", async () => {
  const code = `import requests, os
from dateutil import parser
def main(args):
    import simplejson as sj
    return {"year": parser.parse("2026-11-22").year, "agent": requests.utils.default_user_agent(), "text": sj.dumps(args)}
`;
  await putAction(platform, "uses", { exec: { kind: "python:3", code } });
  const { body } = await invoke(platform, "uses", { a: 1 });
  assert.deepEqual(body.response.result, { year: 2026, agent: "python-requests/2.32.2", text: '{"a": 1}' });
});

/** What each is called with, and what comes out, worked out by hand. */
const combinators: Readonly<Record<string, readonly [composition: string, input: Json, expected: Json]>> = {
  action: ['action("increment")', { n: 1 }, { n: 2 }],
  "an action of its own": ['action("own", { "action": lambda args: { "n": args["n"] - 1 } })', { n: 1 }, { n: 0 }],
  function: ['function(lambda env, args: { "n": args["n"] ** 2 })', { n: 7 }, { n: 49 }],
  literal: ['literal({ "said": "so" })', { n: 7 }, { said: "so" }],
  "value, no object": ["value(42)", {}, { value: 42 }],
  sequence: ['sequence("increment", "double", "increment")', { n: 1 }, { n: 5 }],
  seq: ['seq("double", "double")', { n: 1 }, { n: 4 }],
  "when, true": ['when("isSmall", "increment", "double")', { n: 3 }, { n: 4 }],
  "when, false": ['when("isSmall", "increment", "double")', { n: 30 }, { n: 60 }],
  "when without an else": ['when("isSmall", "increment")', { n: 30 }, { n: 30 }],
  when_nosave: [
    'when_nosave(lambda env, args: { **args, "value": args["n"] < 10 }, lambda env, args: { "small": args["n"] }, "double")',
    { n: 3 },
    { small: 3 },
  ],
  loop: ['loop("isSmall", "double")', { n: 3 }, { n: 12 }],
  loop_nosave: [
    'loop_nosave(lambda env, args: { **args, "value": args["n"] < 10 }, lambda env, args: { "n": args["n"] + 4 })',
    { n: 1 },
    { n: 13, value: false },
  ],
  doloop: ['doloop("double", "isSmall")', { n: 20 }, { n: 40 }],
  doloop_nosave: [
    'doloop_nosave(lambda env, args: { "n": args["n"] + 4 }, lambda env, args: { **args, "value": args["n"] < 10 })',
    { n: 1 },
    { n: 13, value: false },
  ],
  "do, nothing wrong": ['do("increment", lambda env, args: { "caught": True })', { n: 1 }, { n: 2 }],
  "do, and it fails": ['do("fail", lambda env, args: { "caught": args["error"] })', { n: 1 }, { caught: "as it was told" }],
  "an error that nobody catches": ['sequence("fail", "increment")', { n: 1 }, { error: "as it was told" }],
  ensure: ['ensure("increment", lambda env, args: { "last": args["n"] })', { n: 1 }, { last: 2 }],
  "ensure after an error": ['ensure("fail", lambda env, args: { "was": args["error"] })', { n: 1 }, { was: "as it was told" }],
  let: [
    'let({ "kept": 0 }, lambda env, args: env.update({ "kept": args["n"] }), "double", lambda env, args: { "before": env["kept"], **args })',
    { n: 4 },
    { before: 4, n: 8 },
  ],
  mask: ['let({ "x": 1 }, composer.let({ "x": 2 }, composer.mask(lambda env, args: { "x": env["x"] })))', {}, { x: 1 }],
  retain: ['retain("double")', { n: 4 }, { params: { n: 4 }, result: { n: 8 } }],
  retain_catch: ['retain_catch("fail")', { n: 4 }, { params: { n: 4 }, result: { error: "as it was told" } }],
  repeat: ['repeat(3, "double")', { n: 1 }, { n: 8 }],
  retry: [
    'let({ "left": 2 }, composer.retry(3, lambda env, args: env.update({ "left": env["left"] - 1 }) or ({ "error": "not yet" } if env["left"] >= 0 else { "left": env["left"] })))',
    {},
    { left: -1 },
  ],
  "retry in vain": ['retry(2, "fail")', { n: 1 }, { error: "as it was told" }],
  task: ['task("double")', { n: 2 }, { n: 4 }],
  "task of nothing": ["task(None)", { n: 2 }, { n: 2 }],
};

const skip = whyNot();

/** Lambdas travel as bytecode, which is that of one version. */
function whyNot(): string | false {
  if (sources === "") return "PYCOMPOSER names no folder";
  const version = execFileSync(python, ["-c", "import sys; print(sys.version_info[1])"], { encoding: "utf8" }).trim();
  return version === "11" ? false : `Python here is 3.${version}, that of actions 3.11`;
}

/** As somebody types it: `pycompose NAME.py > NAME.json`, `pydeploy NAME NAME.json -w`. */
async function deploy(name: string, composition: string): Promise<void> {
  writeFileSync(join(home, `${name}.py`), `import composer\ndef main():\n    return composer.${composition}\n`);
  const options = { home, input: "", cwd: home, env: { PYTHONPATH: `${modules}:${join(sources, "src")}` } };
  const compiled = await run(python, ["-m", "pycompose", `${name}.py`], options);
  writeFileSync(join(home, `${name}.json`), compiled);
  const told = await run(python, ["-m", "pydeploy", name, `${name}.json`, "-w"], options);
  assert.match(told, /^ok: created action/, compiled + told);
}

const result = async (name: string, input: Json) => (await invoke(platform, name, input)).body.response.result;

describe("Composer for Python", { skip, timeout: 300_000 }, () => {
  before(async () => {
    modules = await pipKit(["requests==2.32.2"]);
    writeFileSync(join(home, ".wskprops"), `APIHOST=${platform.url}\nAUTH=${platform.auth}\nNAMESPACE=_\n`);
    for (const [name, body] of [
      ["increment", "{ n: n + 1 }"],
      ["double", "{ n: n * 2 }"],
      ["isSmall", "{ value: n < 10 }"],
      ["fail", "{ error: 'as it was told', more: 1 }"],
    ] as const)
      await putAction(platform, name, { exec: { kind: "nodejs:default", code: `function main({ n }) { return ${body}; }` } });
  });

  for (const [title, [composition, input, expected]] of Object.entries(combinators)) {
    test(title, async () => {
      await deploy("composed", composition);
      assert.deepEqual(await result("composed", input), expected);
    });
  }

  test("asynchronous begins a call of its own, with the key that it is given", { skip: cannotNetwork }, async () => {
    await deploy("later", 'asynchronous("increment", "double")');
    const { method, activationId } = (await result("later", { n: 1 })) as Json;
    assert.equal(method, "async");
    // How that ends is Composer's affair, which lacks the operator for its last state.
    const record = await until(async () => {
      const { status, body } = await whisk<WhiskActivation>(platform, "GET", `activations/${String(activationId)}`);
      return status === 200 ? body : undefined;
    });
    const steps = record.annotations.find(({ key }) => key === "kind");
    assert.equal(steps?.value, "sequence");
  });
});
