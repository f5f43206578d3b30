/**
 * A Docker Engine of a test's own: its data, its sockets and its process, never the system's. Its containers are not on the network of
 * this machine, so nothing can be pulled from the internet; images are made of folders.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { realWorld } from "../src/lib/world.ts";
import { parseDockerHost } from "../src/sandbox/docker/address.ts";
import { DockerEngine } from "../src/sandbox/docker/engine.ts";
import { send } from "./client.ts";
import { functionSource, npmKit } from "./kits.ts";
import { makeRoot } from "./root-folder.ts";

const programs = ["dockerd", "containerd", "runc"];
const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

/** Why no engine can be started here; undefined: it can. */
export const noDocker: string | undefined = whyNot();

function whyNot(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "a Docker Engine needs Linux and root";
  const groups = ["/sys/fs/cgroup/devices", "/sys/fs/cgroup/cgroup.procs"].find((file) => existsSync(file));
  if (groups === undefined || !isWritable(groups))
    return "no control groups that a Docker Engine could use: run on a machine, or in a privileged container";
  const missing = programs.filter((program) => !path.split(":").some((folder) => existsSync(`${folder}/${program}`)));
  return missing.length === 0 ? undefined : `${missing.join(", ")} missing: apt-get install docker.io`;
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A running engine. */
export interface TestEngine {
  /** As DOCKER_HOST. */
  readonly host: string;
  readonly engine: DockerEngine;
  readonly folder: string;
  readonly process: () => ChildProcess;
  /** Ends the daemon as an operator does; its containers end with it. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** `apart`: with a network of its own, where it publishes ports, and at the usual place for its socket, neither of which anybody else sees. */
  start(where?: "here" | "apart"): Promise<void>;
  /** Ends it and removes all it had. */
  remove(): Promise<void>;
}

/** Starts one; rejects with what it said when it does not come up. `diskMiB`: how much fits on its disk; else as much as on this machine's. */
export async function startEngine({ diskMiB = 0 }: { readonly diskMiB?: number } = {}): Promise<TestEngine> {
  const folder = mkdtempSync(join(tmpdir(), "docker-test-"));
  if (diskMiB > 0) {
    mkdirSync(`${folder}/data`);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskMiB}m`, "none", `${folder}/data`]);
  }
  const host = `unix://${folder}/docker.sock`;
  let daemon: Daemon | null = null;
  const engine = new DockerEngine(parseDockerHost(host), realWorld());
  const start = async (where: "here" | "apart" = "here") => {
    // Of one that was killed with its daemon; whoever has that number now would be taken for it.
    rmSync(`${folder}/run/containerd/containerd.pid`, { force: true });
    writeFileSync(`${folder}/config.json`, JSON.stringify(where === "apart" ? runtime(folder) : {}));
    daemon = await startDaemon(where === "here" ? ["dockerd", ...flags(folder, host)] : apart(folder, host), folder, engine);
  };
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    const { child, ended } = daemon as Daemon;
    child.kill(signal);
    // A test may have left it standing.
    child.kill("SIGCONT");
    await ended;
  };
  // Whoever forgets it, or breaks off, leaves nothing either.
  const forgotten = () => removeFolder(folder);
  process.once("exit", forgotten);
  try {
    await start();
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
  return {
    host,
    engine,
    folder,
    process: () => (daemon as Daemon).child,
    stop,
    start,
    async remove() {
      const { child } = daemon as Daemon;
      if (child.exitCode === null && child.signalCode === null) await stop();
      removeFolder(folder);
      process.off("exit", forgotten);
    },
  };
}

interface Daemon {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

async function startDaemon([program = "", ...args]: readonly string[], folder: string, engine: DockerEngine): Promise<Daemon> {
  // What it writes down of itself when it is stopped in haste goes with its folder.
  const child = spawn(program, args, { env: { PATH: path, HOME: folder, TMPDIR: folder }, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-8000);
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  for (let tries = 0; child.exitCode === null && tries < 600; tries++) {
    if (
      await engine.ping().then(
        () => true,
        () => false,
      )
    )
      return { child, ended };
    await sleep(100);
  }
  child.kill("SIGKILL");
  await ended;
  throw new Error(`dockerd did not come up: ${said}`);
}

function flags(folder: string, host: string, network = "--bridge none"): string[] {
  const text = `
    --host ${host} --data-root ${folder}/data --exec-root ${folder}/run --pidfile ${folder}/pid --config-file ${folder}/config.json
    ${network} --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --log-level warn --shutdown-timeout 5`;
  return text.trim().split(/\s+/);
}

/** Where this machine does not have all rights itself, privileged containers cannot either, and runc would not start one: it is told of fewer. */
function runtime(folder: string): object {
  const lines = missingCapabilities().map((name) => `s/"${name}",//g; s/,"${name}"//g`);
  if (lines.length === 0) return {};
  const script = `#!/bin/sh
previous=
for each in "$@"; do
  case $previous in
    --bundle) sed -i '${lines.join("; ")}' "$each/config.json" ;;
    --process) sed -i '${lines.join("; ")}' "$each" ;;
  esac
  previous=$each
done
exec runc "$@"
`;
  writeFileSync(`${folder}/runc`, script, { mode: 0o755 });
  return { runtimes: { here: { path: `${folder}/runc` } }, "default-runtime": "here" };
}

function missingCapabilities(): string[] {
  const has = BigInt(`0x${/^CapBnd:\s+(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"}`);
  const { stdout } = spawnSync("setpriv", ["--list-caps"], { encoding: "utf8" });
  const names = stdout.trim().split("\n");
  return names.filter((_, bit) => ((has >> BigInt(bit)) & 1n) === 0n).map((name) => `CAP_${name.toUpperCase()}`);
}

/** The same in namespaces of its own, which end with it. Ports are published by programs of Docker's, on a bridge that leads nowhere else. */
function apart(folder: string, host: string): string[] {
  const own = flags(folder, host, "--host unix:///var/run/docker.sock");
  const prepare = 'ip link set lo up && mount -t tmpfs tmpfs "$(readlink -f /var/run)" && exec "$@"';
  return ["unshare", "--mount", "--net", "sh", "-c", prepare, "sh", "dockerd", ...own];
}

/** What a killed daemon left would keep the folder: processes that watch its containers, and mounts. */
function removeFolder(folder: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) !== process.pid && commandOf(pid).includes(`${folder}/`)) killQuietly(Number(pid));
  }
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((each) => each.startsWith(`${folder}/`)).toReversed()) spawnSync("umount", ["--lazy", mount]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

/** Makes an image of a folder. `changes`: lines as in a Dockerfile. */
export async function importFolder(
  engine: DockerEngine,
  folder: string,
  reference: string,
  changes: readonly string[],
): Promise<void> {
  const tar = spawn("tar", ["--numeric-owner", "-C", folder, "-cf", "-", "."], { stdio: ["ignore", "pipe", "inherit"] });
  await engine.import(tar.stdout as Readable, reference, changes);
}

/** The npm kit's test function with the Node of this machine, as `fn build` would make an image of it. */
export async function importFdkImage(engine: DockerEngine, reference: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "docker-image-"));
  try {
    makeRoot(folder);
    for (const from of [functionSource("fdk-node"), await npmKit(["@fnproject/fdk@0.0.76"])]) {
      cpSync(from, `${folder}/function`, { recursive: true });
    }
    await importFolder(engine, folder, reference, [
      "WORKDIR /function",
      'ENTRYPOINT ["node", "func.js"]',
      "ENV GREETING=from-image",
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An image of a shell script on a base of this machine's shell and a few programs. */
export async function importScript(
  engine: DockerEngine,
  reference: string,
  script: string,
  changes: readonly string[] = [],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "docker-image-"));
  try {
    makeRoot(folder, { sh: "/bin/sh", sleep: "/bin/sleep", ln: "/bin/ln", dd: "/bin/dd", cat: "/bin/cat" });
    writeFileSync(`${folder}/run.sh`, script);
    await importFolder(engine, folder, reference, ['ENTRYPOINT ["/bin/sh", "/run.sh"]', ...changes]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes a function of an image through Fn's API; its id. */
export async function imageFunction(url: string, name: string, image: string, settings: object = {}): Promise<string> {
  const made = async (below: string, body: object) => {
    const answer = await send("POST", `${url}${below}`, JSON.stringify(body), { "content-type": "application/json" });
    if (answer.status !== 200) throw new Error(`POST ${below}: ${answer.status} ${answer.text}`);
    return answer.json["id"] as string;
  };
  const app_id = await made("/v2/apps", { name: `app-${name}` });
  return await made("/v2/fns", { app_id, name, image, ...settings });
}
