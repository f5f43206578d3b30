import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type InspectOptions, inspect } from "./capabilities.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "capabilities-test-"));
  mkdirSync(`${folder}/bin`);
});
afterEach(() => rmSync(folder, { recursive: true }));

function install(...programs: string[]): void {
  for (const program of programs) {
    writeFileSync(`${folder}/bin/${program}`, "");
    chmodSync(`${folder}/bin/${program}`, 0o755);
  }
}

function look(mountInfo = "", isRoot = true, more: InspectOptions = {}) {
  return inspect({ path: `${folder}/bin`, mountInfo, isRoot, platform: "linux", architecture: "x64", ...more });
}

const everything = ["bwrap", "socat", "setpriv", "unshare", "mount", "ip", "nft", "nsenter"];
const mounted = (base: string, type: string, options: string) =>
  `31 23 0:28 / ${base} rw,relatime - ${type} cgroup rw,${options}`;

test("without bwrap nothing is isolated, and the ways on are told", () => {
  const { usable, missing } = look();
  assert.equal(usable, false);
  assert.match(missing[0]?.fix ?? "", /apt-get install bubblewrap.*--sandbox process/);
});

test("another system or processor is told as such", () => {
  install(...everything);
  const { usable, missing } = look("", true, { architecture: "arm64" });
  assert.equal(usable, false);
  assert.match(missing[0]?.what ?? "", /linux on arm64/);
});

test("both versions of control groups, each for what it has", () => {
  install(...everything);
  for (const name of ["memory", "pids", "unified"]) mkdirSync(`${folder}/${name}`);
  writeFileSync(`${folder}/unified/cgroup.controllers`, "hugetlb\n");
  const lines = [
    mounted(`${folder}/memory`, "cgroup", "memory"),
    mounted(`${folder}/pids`, "cgroup", "pids"),
    mounted(`${folder}/unified`, "cgroup2", ""),
  ];
  const { usable, isolation, missing } = look(lines.join("\n"));
  assert.equal(usable, true);
  assert.equal(isolation.privileged, true);
  assert.deepEqual(
    isolation.cgroups.map(({ version, controllers }) => `${version}: ${controllers.join()}`),
    ["1: memory", "1: pids", "2: freeze"],
  );
  assert.deepEqual(
    missing.map(({ what }) => what),
    ["There is no writable cpu control group", "There is no writable cpuset control group"],
  );
});

test("version 2 alone: from the very root all it has, elsewhere what is handed on", () => {
  install(...everything);
  writeFileSync(`${folder}/cgroup.controllers`, "cpuset cpu io memory pids\n");
  const line = mounted(folder, "cgroup2", "");
  assert.deepEqual(look(line).isolation.cgroups[0]?.controllers, ["memory", "pids", "cpu", "cpuset", "freeze"]);
  assert.deepEqual(look(line).missing, []);
  writeFileSync(`${folder}/cgroup.type`, "domain\n");
  writeFileSync(`${folder}/cgroup.procs`, "1\n");
  writeFileSync(`${folder}/cgroup.subtree_control`, "memory\n");
  assert.deepEqual(look(line).isolation.cgroups[0]?.controllers, ["memory", "freeze"]);
});

test("in a systemd unit the groups are made beside the server's own, even where the top could be written", () => {
  install(...everything);
  mkdirSync(`${folder}/system.slice/kiln.service/server`, { recursive: true });
  writeFileSync(`${folder}/system.slice/kiln.service/cgroup.controllers`, "cpu memory pids\n");
  const line = mounted(folder, "cgroup2", "");
  const baseFor = (own: string) => look(line, true, { ownCgroups: `0::${own}\n` }).isolation.cgroups[0]?.base;
  assert.equal(baseFor("/system.slice/kiln.service/server"), `${folder}/system.slice/kiln.service`);
  assert.equal(baseFor("/user.slice/session-1.scope"), folder);
});

test("what lacks is told with what it costs and how to get it", () => {
  install("bwrap");
  const { usable, isolation, missing } = look("", false);
  assert.equal(
    usable,
    missing.every(({ what }) => !what.includes("user namespaces")),
  );
  assert.equal(isolation.privileged, false);
  for (const each of missing) assert.ok(each.what !== "" && each.why !== "" && each.fix !== "");
  assert.ok(missing.some(({ fix }) => fix.includes("apt-get install socat")));
});

test("functions have a network where root has the tools for it; otherwise it is told how to get one", () => {
  install(...everything);
  assert.equal(look().isolation.network, "root");
  rmSync(`${folder}/bin/nft`);
  const { isolation, missing } = look();
  assert.equal(isolation.network, null);
  assert.ok(missing.some(({ fix }) => fix.includes("apt-get install nftables")));
});

test("without root they have one where a program connects for them and tunnels may be made", () => {
  install(...everything);
  const tunDevice = `${folder}/tun`;
  const network = () => {
    const { isolation, missing } = look("", false, { tunDevice });
    return [isolation.network, ...missing.filter(({ why }) => why.includes("connect to nothing")).map(({ fix }) => fix)];
  };
  assert.match(network().join(), /^,Run `apt-get install passt`, or run the server as root/);
  install("slirp4netns");
  assert.match(network().join(), /^,Run `modprobe tun; chmod 0666 .*\/tun` as root, or run the server as root/);
  writeFileSync(tunDevice, "");
  assert.deepEqual(network(), ["slirp4netns"]);
  install("pasta");
  assert.deepEqual(network(), ["pasta"]);
  rmSync(`${folder}/bin/nft`);
  assert.deepEqual(network(), [null, "Run `apt-get install nftables`"]);
});
