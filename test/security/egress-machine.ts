/**
 * A machine of its own for tests of the network, in a network namespace: it is connected to an internet (`egress-internet.ts`), has
 * services that nobody in a sandbox may reach, and does what it is told by lines of JSON. Started by `egress-world.ts`; all of it
 * is gone with its processes.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Egress } from "../../src/model/model.ts";
import { realWorld } from "../../src/lib/world.ts";
import { inspect } from "../../src/sandbox/bubblewrap/capabilities.ts";
import { DockerDriver } from "../../src/sandbox/docker/driver.ts";
import type { NetworkWay } from "../../src/sandbox/egress/egress.ts";
import { readState, sweep } from "../../src/sandbox/spawner/state.ts";
import { importFolder, startEngine, type TestEngine } from "../docker.ts";
import { Box, readOr, soon } from "./box.ts";
import type { ServerOrder } from "./server.ts";

/** Who makes the networks; `docker`: root, for containers of a Docker Engine that runs on this machine. */
export type EgressWay = NetworkWay | "docker";

/** What the machine can be told. */
export type MachineOrder =
  | {
      readonly do: "run";
      readonly code: string;
      readonly egress: Egress;
      readonly env: Record<string, string>;
      readonly count?: number;
      /** What it may connect to once it runs. */
      readonly later?: readonly string[];
    }
  | { readonly do: "command"; readonly command: readonly string[] }
  /** Starts so many sandboxes, two at a time, and stops them at once. */
  | { readonly do: "rounds"; readonly count: number; readonly egress: Egress }
  /** Medians of a start in ms, of each kind by turns, so many times. */
  | { readonly do: "measure"; readonly count: number; readonly kinds: readonly Egress[] }
  /** What there is of interfaces and rules, in the router and here. */
  | { readonly do: "inventory" }
  /** Connections refused; waits until there are more than so many. */
  | { readonly do: "refused"; readonly above: number }
  /** The machine gets one more address, and the router hears of it. */
  | { readonly do: "address"; readonly address: string }
  /** A server starts on this machine, where another has left its table with all data gone, and dies with its spawner, at once; then what is left of it is removed. */
  | { readonly do: "crash" }
  | { readonly do: "close" };

/** What it has, and what happened. */
export interface MachineReply {
  readonly output?: string;
  readonly error?: string;
}

export const machine = { ipv4: "51.15.0.2", ipv6: "2a01:e0a:1::2", servicePort: 8080, internetPorts: [80, 443, 5432] } as const;

/** An ordinary user of no other test's, for servers that do not run as root. */
export const userId = 65_533;
/** Makes a device of tunnels that all may open, as most machines have it, in a mount namespace of its own. */
export const tunDevice =
  "set -e; mkdir -p /dev/net; mount -t tmpfs kiln-test /dev/net; mknod -m 0666 /dev/net/tun c 10 200; : <> /dev/net/tun";
/** What a server has left whose data is gone as well. */
const dead = { table: "polykiln-01kilned0000000000000dead0", forwarding: "/proc/sys/net/ipv4/conf/dead0/forwarding" };
const way = (process.argv[2] ?? "root") as EgressWay;
const isUser = way === "pasta" || way === "slirp4netns";

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve();

async function serve(): Promise<void> {
  const internet = await startInternet();
  ip("link set lo up");
  ip(`link add wan0 mtu 1450 type veth peer name inet0 netns ${internet.pid}`);
  const there = (args: string) => execFileSync("nsenter", [`--net=/proc/${internet.pid}/ns/net`, "ip", ...args.split(" ")]);
  for (const [run, own, other] of [
    [ip, "2", "wan0"],
    [there, "1", "inet0"],
  ] as const) {
    run(`address add 51.15.0.${own}/24 dev ${other}`);
    run(`address add 2a01:e0a:1::${own}/64 dev ${other} nodad`);
    run(`link set ${other} up`);
  }
  ip("route add default via 51.15.0.1");
  ip("-6 route add default via 2a01:e0a:1::1");
  const service = createServer((request, response) => response.end(`machine to ${request.socket.remoteAddress}`));
  await new Promise<void>((resolve) => service.listen(machine.servicePort, "::", resolve));
  const root = isUser ? becomeUser() : null;
  const warnings: string[] = [];
  const found = inspect();
  const box = new Box({
    capabilities: { ...found, isolation: { ...found.isolation, network: way === "docker" ? "root" : way } },
    egress: { resolvers: ["8.8.8.8"], privateNetworks: ["10.77.0.0/16"] },
    platform: () => ({ host: "127.0.0.1", port: machine.servicePort }),
    warn: (sentence, fields) => warnings.push(`${sentence} ${JSON.stringify(fields)}`),
  });
  writeFileSync(`${box.root}/etc/resolv.conf`, "");
  const engine = way === "docker" ? await useDocker(box, warnings) : null;
  say({ output: box.stateFile });
  for await (const line of createInterface(process.stdin)) {
    const order = JSON.parse(line) as MachineOrder;
    if (order.do === "close") break;
    await carryOut(order, box, warnings, root).then(say, (error: Error) => say({ error: error.stack ?? error.message }));
  }
  await box.close();
  await engine?.remove();
  service.closeAllConnections();
  service.close();
  const tables = isUser ? "" : "nft list tables; ";
  const script = `ip -o link; ${tables}cat /proc/sys/net/ipv4/conf/wan0/forwarding; cat /proc/sys/net/ipv6/conf/wan0/force_forwarding 2>&1 || true`;
  const left = execFileSync("sh", ["-c", script], { encoding: "utf8" });
  root?.stdin.end();
  internet.stdin.end();
  say({ output: left });
  process.exit(0);
}

async function useDocker(box: Box, warnings: string[]): Promise<TestEngine> {
  const engine = await startEngine();
  await importFolder(engine.engine, box.root, "box:1", []);
  const driver = new DockerDriver({
    world: realWorld(),
    engine: engine.engine,
    warn: (sentence, fields) => warnings.push(`${sentence} ${JSON.stringify(fields)}`),
    idFile: `${engine.folder}/id`,
    network: "none",
    networks: box.driver.networks ?? null,
    shared: null,
  });
  box.use(driver, (await engine.engine.image("box:1")).Id);
  return engine;
}

/** What it returns still is root, and runs the lines it is given. */
function becomeUser() {
  execFileSync("sh", ["-c", tunDevice], { timeout: 10_000 });
  const root = spawn("sh", [], { stdio: ["pipe", "pipe", "inherit"] });
  process.setgroups?.([]);
  process.setgid?.(userId);
  process.setuid?.(userId);
  return root;
}

function ip(args: string): void {
  execFileSync("ip", args.split(" "), { timeout: 10_000 });
}

async function startInternet() {
  const main = fileURLToPath(new URL("egress-internet.ts", import.meta.url));
  const internet = spawn("unshare", ["--net", process.execPath, main, ...machine.internetPorts.map(String)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(internet.stdout, "data");
  return internet;
}

async function carryOut(
  order: Exclude<MachineOrder, { do: "close" }>,
  box: Box,
  warnings: readonly string[],
  root: ReturnType<typeof becomeUser> | null,
): Promise<MachineReply> {
  if (order.do === "command") {
    return { output: execFileSync(order.command[0] as string, order.command.slice(1), { encoding: "utf8", timeout: 30_000 }) };
  }
  switch (order.do) {
    case "rounds":
      return rounds(box, order.count, order.egress).then(() => ({ output: "done" }));
    case "measure":
      return measure(box, order.count, order.kinds).then((medians) => ({ output: JSON.stringify(medians) }));
    case "inventory":
      return { output: inventory() };
    case "refused":
      return { output: String(await refusedAbove(box, order.above)) };
    case "address":
      root?.stdin.write(`ip address add ${order.address}/32 dev wan0\n`);
      await soon("the router knows it", () => inRouter("nft list set inet kiln own4").includes(order.address));
      return { output: "known" };
    case "crash":
      return { output: await crash(box) };
    case "run":
      return await runPrograms(order, box, warnings);
  }
}

async function runPrograms(
  order: Extract<MachineOrder, { do: "run" }>,
  box: Box,
  warnings: readonly string[],
): Promise<MachineReply> {
  const all = await Promise.all(Array.from({ length: order.count ?? 1 }, () => box.run("python3", order.code, order)));
  const failed = all.find(({ exit }) => exit.code !== 0);
  if (failed !== undefined) return { error: `${JSON.stringify(failed.exit)} ${failed.stderr} ${warnings.join("; ")}` };
  return { output: all.map(({ stdout }) => stdout).join("") };
}

async function rounds(box: Box, count: number, egress: Egress): Promise<void> {
  for (let index = 0; index < count; index += 2) {
    await Promise.all([0, 1].map(async () => await (await box.start("sh", "kill -STOP $$", { egress })).stop()));
  }
}

/** Each start waits for the program's own sign of life, and a while for what is prepared ahead. */
async function measure(box: Box, count: number, kinds: readonly Egress[]): Promise<number[]> {
  const times = kinds.map((): number[] => []);
  for (let index = 0; index < count; index++) {
    for (const [kind, egress] of kinds.entries()) {
      const beganAt = performance.now();
      const sandbox = await box.start("sh", "echo up; kill -STOP $$", { egress });
      while (sandbox.read() === "") await new Promise((resolve) => setImmediate(resolve));
      times[kind]?.push(performance.now() - beganAt);
      await sandbox.stop();
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
  }
  return times.map((each) => each.toSorted((a, b) => a - b)[Math.floor(each.length / 2)] as number);
}

function inventory(): string {
  const links = execFileSync("ip", ["-o", "link"], { encoding: "utf8" }).trim().split("\n").length;
  return JSON.stringify({
    links,
    ...(isUser ? { processes: ownProcesses().size } : machineFilter()),
    routerLinks: inRouter("ip -o link").trim().split("\n").length,
    routerRoutes: inRouter("ip route; ip -6 route | grep -v fe80").trim().split("\n").length,
    groups: inRouter("ip -o link").match(/ group (?!default)\S+/g)?.length ?? 0,
    routerRules: inRouter("nft --terse list ruleset").split("\n").length,
    connections: inRouter("nft list set inet kiln connections4").includes("elements"),
    routerDescriptors: readdirSync(`/proc/${routerPid()}/fd`).length,
  });
}

function machineFilter() {
  const tables = execFileSync("nft", ["list", "tables"], { encoding: "utf8" });
  const rules = execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" }).split("\n").length;
  return { tables: tables.trim().split("\n").filter(Boolean).length, rules };
}

function inRouter(command: string): string {
  const namespaces = `/proc/${routerPid()}/ns`;
  const user = isUser ? ["--preserve-credentials", `--user=${namespaces}/user`] : [];
  return execFileSync("nsenter", [...user, `--net=${namespaces}/net`, "sh", "-c", command], { encoding: "utf8" });
}

/** The living processes of our user, each with its parent. */
function ownProcesses(): Map<number, number> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const living = new RegExp(`^State:\\s+[^ZX][^]*^PPid:\\s+(\\d+)[^]*^Uid:\\s+${userId}\\s`, "m");
  return new Map(
    pids.flatMap((pid) => {
      const parent = living.exec(readOr(`/proc/${pid}/status`))?.[1];
      return parent === undefined ? [] : [[Number(pid), Number(parent)] as const];
    }),
  );
}

/** Whether there is a process of this server's, or one that nobody is the parent of any more. */
function hasProcesses(serverPid: number): boolean {
  const all = ownProcesses();
  const isBelow = (pid: number): boolean =>
    pid === serverPid || (pid !== process.pid && (!all.has(pid) || isBelow(all.get(pid) as number)));
  return [...all.keys()].some(isBelow);
}

/** The router is where `ip -batch` waits for work, below our own spawner. */
function routerPid(): number {
  const ours = readFileSync("/proc/self/task/" + process.pid + "/children", "utf8")
    .trim()
    .split(" ");
  const all = ours.flatMap((pid) => readOr(`/proc/${pid}/task/${pid}/children`).trim().split(" "));
  return Number(all.find((pid) => readOr(`/proc/${pid}/cmdline`).startsWith("ip\0-force\0-batch")));
}

async function refusedAbove(box: Box, count: number): Promise<number> {
  await soon("more is refused", () => (box.driver.refusedCount?.() ?? 0) > count);
  return box.driver.refusedCount?.() ?? 0;
}

/** What a server leaves that is killed with its spawner while it passes on what comes from `dead0`. */
function leaveTable(): void {
  ip("link add dead0 type veth peer name dead1");
  writeFileSync(dead.forwarding, "1");
  const rules = `table inet ${dead.table} { chain forward { type filter hook forward priority filter; iifname { "dead0" } oifname != "kiln*" drop; }; }`;
  execFileSync("nft", ["-f", "-"], { input: rules, timeout: 10_000 });
}

/** Reports the tables and links of that server, or its processes: while it runs, and in the end. */
async function crash(box: Box): Promise<string> {
  const stateFile = `${box.folder}/crash.json`;
  const { code } = box.spec("python3", "import time\ntime.sleep(600)");
  const order: ServerOrder = {
    driver: "bubblewrap",
    stateFile,
    root: box.root,
    code: code as string,
    sandboxes: [{ command: ["python3", "/function/main.txt"], endpoint: { via: "callback" }, pause: false }],
    untilEnded: false,
  };
  const main = fileURLToPath(new URL("server.ts", import.meta.url));
  if (!isUser) leaveTable();
  const server = spawn(process.execPath, [main, JSON.stringify(order)], { stdio: ["ignore", "pipe", "inherit"] });
  await once(server.stdout, "data");
  const instance = readState(stateFile)?.instance.toLowerCase() ?? "none";
  const traces = () => {
    if (isUser) return hasProcesses(server.pid as number) ? "processes" : "no processes";
    const links = execFileSync("ip", ["-o", "link"], { encoding: "utf8" }).includes(`kiln${instance.slice(-8)}`);
    const table = execFileSync("nft", ["list", "tables"], { encoding: "utf8" }).includes(instance);
    const others = execFileSync("nft", ["list", "tables"], { encoding: "utf8" }).includes(dead.table);
    const forwards = readOr(dead.forwarding).trim() === "1";
    return `${links ? "link" : "no link"}, ${table ? "table" : "no table"}${others || forwards ? ", a dead one's" : ""}`;
  };
  const before = traces();
  for (const pid of [
    ...readOr(`/proc/${server.pid}/task/${server.pid}/children`).trim().split(" ").map(Number),
    server.pid as number,
  ])
    process.kill(pid, "SIGKILL");
  await soon("the server is dead", () => server.signalCode !== null);
  const left = await sweep(stateFile, realWorld());
  await soon("what it had made is gone", () => traces().startsWith("no "));
  return `${before}; ${traces()}; left: ${left.join()}`;
}

function say(reply: MachineReply): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
