/** Namespaces, their keys, and the file by which OpenWhisk's clients find a server. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Platform, startPlatform } from "../platform.ts";
import { pk } from "./pk.ts";

let platform: Platform;
let folder: string;

before(async () => {
  platform = await startPlatform();
  folder = mkdtempSync(join(tmpdir(), "kiln-namespaces-"));
});

after(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const run = (...args: string[]) =>
  pk([...args, "--api-url", platform.url], { cwd: folder, env: { POLYKILN_DATA: platform.data } });

async function json(...args: string[]): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await run(...args, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Record<string, string>;
}

async function statusFor(auth: string, path = "namespaces/_/actions"): Promise<number> {
  const headers = { authorization: `Basic ${btoa(auth)}` };
  return (await fetch(`${platform.url}/api/v1/${path}`, { headers })).status;
}

test("a namespace is made with a key, which opens it and no other; keys come and go", async () => {
  const made = await json("namespace", "create", "team");
  assert.deepEqual(Object.keys(made), ["name", "auth"]);
  assert.equal(made["name"], "team");
  const auth = made["auth"] ?? "";
  assert.match(auth, /^[0-9a-f-]{36}:[A-Za-z0-9]{64}$/);
  assert.equal(await statusFor(auth), 200);
  assert.equal(await statusFor(auth, "namespaces/team/actions"), 200);
  assert.equal(await statusFor(auth, "namespaces/guest/actions"), 403);
  assert.equal(await statusFor(platform.auth, "namespaces/team/actions"), 403);

  const second = (await json("namespace", "keys", "create", "team"))["auth"] ?? "";
  assert.equal(await statusFor(second), 200);
  const listed = JSON.parse((await run("namespace", "keys", "list", "team", "--json")).stdout) as { id: string }[];
  const ids = [auth, second].map((key) => key.split(":")[0]);
  assert.deepEqual(listed.map(({ id }) => id).toSorted(), ids.toSorted());
  assert.ok(!JSON.stringify(listed).includes(second.split(":")[1] ?? "?"), "a secret is shown once");
  assert.equal((await run("namespace", "keys", "delete", ids[1] ?? "", "team", "--yes")).code, 0);
  assert.equal(await statusFor(second), 401);
  assert.equal(await statusFor(auth), 200);
  assert.match((await run("namespace", "limits", "team")).stdout, /calls +\d+/);
});

test("only who runs the server makes namespaces, and a name is taken once", async () => {
  const { auth = "" } = await json("namespace", "create", "other");
  const again = await run("namespace", "create", "other");
  assert.notEqual(again.code, 0);
  assert.match(again.stderr, /other exists already/);
  const foreign = await run("namespace", "create", "third", "--auth", auth);
  assert.match(foreign.stderr, /Only a key of namespace guest may make namespaces/);
  assert.equal((await run("namespace", "create", "fourth", "--auth", platform.auth)).code, 0);
  assert.match((await run("namespace", "create", "no/name")).stderr, /letters, digits/);
});

test("what functions of a namespace connect to is said by who runs the server, and shown with the namespace", async () => {
  const { auth = "" } = await json("namespace", "create", "apart");
  const list = ["internet", "platform", "redis.internal:6379"];
  assert.deepEqual(await json("namespace", "egress", "apart", list.join(",")), { egress: list });
  const shown = JSON.parse((await run("namespace", "list", "--json")).stdout) as { name: string; egress: unknown }[];
  assert.deepEqual(new Map(shown.map(({ name, egress }) => [name, egress])).get("apart"), list);
  assert.deepEqual(await json("namespace", "egress", "apart", "none"), { egress: "none" });
  assert.deepEqual(await json("namespace", "egress", "apart", "--auth", auth), { egress: "none" });
  assert.match((await run("namespace", "egress", "apart", "internet", "--auth", auth)).stderr, /Only a key of namespace guest/);
  assert.match((await run("namespace", "egress", "apart", "here")).stderr, /must be HOST:PORT/);
  assert.match((await run("namespace", "egress", "nowhere", "none")).stderr, /nowhere does not exist/);
  assert.deepEqual(await json("namespace", "egress", "apart", "default"), { egress: null });
});

test("wskprops writes address and key, and leaves what else is in the file", async () => {
  const file = join(folder, ".wskprops");
  writeFileSync(file, "APIGW_ACCESS_TOKEN=token\nAUTH=old\n");
  assert.equal((await run("wskprops")).code, 0);
  const text = `APIGW_ACCESS_TOKEN=token\nAPIHOST=${platform.url}\nAUTH=${platform.auth}\nNAMESPACE=_\n`;
  assert.equal(readFileSync(file, "utf8"), text);
  assert.equal((await run("wskprops", "--file", "own.props", "--auth", "a:b")).code, 0);
  const own = join(folder, "own.props");
  assert.match(readFileSync(own, "utf8"), /^AUTH=a:b$/m);
  assert.equal(statSync(own).mode & 0o777, 0o600);
  const none = await pk(["wskprops", "--api-url", "http://127.0.0.1:1"], { cwd: folder, env: { POLYKILN_DATA: folder } });
  assert.match(none.stderr, /There is no key/);
});
