/**
 * The server's own image, made by its build file. The base that people take from a registry is made of programs of this machine here: there
 * is no registry that all machines of tests could pull from.
 */
import { execFile, spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdtempSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { importFolder, noDocker, startEngine, type TestEngine } from "./docker.ts";
import { npmKit } from "./kits.ts";
import { cleanEnvironment } from "./platform.ts";
import { makeRoot, type RootPrograms } from "./root-folder.ts";

const execute = promisify(execFile);
const project = join(import.meta.dirname, "..");
const folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

const ofDebian =
  "sh bash basename cat chmod cp env find grep head ldd ln ls mkdir mkfifo mount mv nsenter readlink rm sed setpriv setsid sleep touch umount unshare";
const ofServer = "bwrap ip nft socat";
const ofDocker = "containerd containerd-shim-runc-v2 docker-init dockerd iptables runc";

/** Why the image cannot be made here; undefined: it can. */
export const noServerImage: string | undefined =
  noDocker ?? missing([...ofDebian.split(" "), ...ofServer.split(" "), ...ofDocker.split(" "), "docker"]) ?? noBridge();

function missing(names: readonly string[]): string | undefined {
  const absent = names.filter((name) => find(name) === undefined);
  return absent.length === 0 ? undefined : `${absent.join(", ")} missing: ./kiln test installs what is needed`;
}

/** Docker publishes ports by a bridge, which not every kernel has for a network of one's own. */
function noBridge(): string | undefined {
  const make = "ip link add kiln0 type bridge && ip link add kiln1 type veth peer name kiln2";
  const { status, stderr } = spawnSync("unshare", ["--mount", "--net", "sh", "-c", make], {
    encoding: "utf8",
    env: { PATH: folders.join(":") },
  });
  return status === 0 ? undefined : `no bridge in a network of its own: ${(stderr ?? "").trim()}`;
}

function find(name: string): string | undefined {
  return folders.map((folder) => `${folder}/${name}`).find((file) => existsSync(file));
}

/** A machine of its own, as far as its network goes, with an engine that has the server's image. */
export interface ServerMachine {
  readonly engine: TestEngine;
  /** What listens there on port 8080. */
  readonly url: string;
  remove(): Promise<void>;
}

/** `prepare`: more that the engine is to have, while it reaches what this machine does. */
export async function startServerMachine(
  tag: string,
  { withDocker = false, prepare }: { withDocker?: boolean; prepare?(engine: TestEngine): Promise<unknown> } = {},
): Promise<ServerMachine> {
  const engine = await startEngine();
  try {
    await buildServerImage(engine, tag, { withDocker });
    await prepare?.(engine);
    await engine.stop();
    await engine.start("apart");
    const way = await forward(engine, 8080);
    const remove = async () => {
      way.close();
      await engine.remove();
    };
    return { engine, url: way.url, remove };
  } catch (error) {
    await engine.remove();
    throw error;
  }
}

/** `withDocker`: the variant that has an engine of its own. */
async function buildServerImage(
  engine: TestEngine,
  tag: string,
  { withDocker }: { readonly withDocker: boolean },
): Promise<void> {
  await importBase(engine, "registry.test/node:24", withDocker ? `${ofServer} ${ofDocker}` : ofServer);
  const args = ["BASE=registry.test/node:24", ...(withDocker ? ["ENGINE=yes"] : [])].flatMap((each) => ["--build-arg", each]);
  const file = join(project, "packaging/docker/Dockerfile");
  // What runs while it is built reaches registries as this machine does.
  await docker(engine, ["build", "--quiet", "--network", "host", "--file", file, "--tag", tag, ...args, project]);
}

/** Docker's client, with this engine; what it printed. Rejects with what it said where it fails. */
export async function docker(engine: TestEngine, args: readonly string[]): Promise<string> {
  const env = { ...cleanEnvironment, HOME: engine.folder, DOCKER_HOST: engine.host, DOCKER_BUILDKIT: "0" };
  const { stdout } = await execute("docker", args, { env, timeout: 240_000, maxBuffer: 16 * 1024 * 1024 });
  return stdout.trim();
}

/** Leads from a port of this machine to one of an engine that runs apart. */
async function forward(engine: TestEngine, port: number) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const into = ["--target", String(engine.process().pid), "--net", "socat", "-t", "1", "STDIO", `TCP:127.0.0.1:${port}`];
    const child = spawn("nsenter", into, { stdio: ["pipe", "pipe", "ignore"] });
    for (const stream of [socket, child.stdin]) stream.on("error", () => {});
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
    socket.once("close", () => child.kill());
    // Nobody listens, or no longer.
    child.once("exit", (code) => code !== 0 && socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => void server.close(),
  };
}

/** Asks again until it is so. Rejects after two minutes, with what was wrong last. */
export async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + 120_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
    }
    await sleep(50);
  }
}

async function importBase(engine: TestEngine, reference: string, more: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "docker-image-"));
  try {
    const names = `${ofDebian} ${more}`.split(" ");
    const programs: RootPrograms = Object.fromEntries(names.map((name) => [name, find(name) as string]));
    makeRoot(folder, { ...programs, node: process.execPath });
    layOut(folder);
    const npm = join(await npmKit(["npm@11.19.1"]), "node_modules/npm");
    cpSync(npm, `${folder}/usr/lib/node_modules/npm`, { recursive: true });
    symlinkSync("/usr/lib/node_modules/npm/bin/npm-cli.js", `${folder}/bin/npm`);
    await importFolder(engine.engine, folder, reference, ["ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin", ...certificates(folder)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a distribution has besides programs. */
function layOut(folder: string): void {
  for (const name of ["root", "run", "sys", "usr/lib", "var"]) mkdirSync(`${folder}/${name}`, { recursive: true });
  chmodSync(`${folder}/tmp`, 0o1777);
  for (const [name, target] of [
    ["usr/bin", "../bin"],
    ["usr/sbin", "../bin"],
    ["sbin", "bin"],
    ["var/run", "../run"],
  ] as const)
    symlinkSync(target, `${folder}/${name}`);
  // Of the C library; what builds the console is linked with it.
  copyFileSync("/lib/x86_64-linux-gnu/librt.so.1", `${folder}/lib/x86_64-linux-gnu/librt.so.1`);
  // Without a description of a terminal nft has a complaint, which is taken for a failure.
  cpSync("/lib/terminfo", `${folder}/lib/terminfo`, { recursive: true });
  for (const name of ["os-release", "passwd", "group"]) copyFileSync(`/etc/${name}`, `${folder}/etc/${name}`);
}

/** Of registries, as this machine trusts them. */
function certificates(folder: string): string[] {
  const file = "/etc/ssl/certs/ca-certificates.crt";
  if (!existsSync(file)) return [];
  mkdirSync(dirname(folder + file), { recursive: true });
  copyFileSync(file, folder + file);
  return [`ENV NODE_EXTRA_CA_CERTS=${file}`];
}
