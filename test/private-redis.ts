/** A Redis in a network of its own, which sandboxes reach as they would one in a private network of the operator's. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cannotNetwork } from "./security/egress-world.ts";

/** Why there can be none here; false: there can. */
export const noRedis: string | false =
  process.getuid?.() !== 0
    ? "only root can make it a network"
    : !existsSync("/usr/bin/redis-server")
      ? "redis-server is missing: apt-get install redis-server"
      : cannotNetwork;

export interface PrivateRedis {
  readonly uri: string;
  readonly address: string;
  readonly port: number;
  /** That it is in, as `ADDRESS/BITS`. */
  readonly network: string;
  stop(): Promise<void>;
}

const port = 6379;

/** Ready for connections. The network ends with the process. */
export async function startPrivateRedis(): Promise<PrivateRedis> {
  const [third, device] = [randomInt(1, 255), `kilnredis${randomInt(1, 100_000)}`.slice(0, 15)];
  const [ours, address] = [`10.213.${third}.1`, `10.213.${third}.2`];
  const folder = mkdtempSync(join(tmpdir(), "kiln-redis-"));
  // It begins when it has its address.
  const begin = `read go; exec redis-server --bind ${address} --port ${port} --save '' --appendonly no --protected-mode no --dir ${folder}`;
  const server = spawn("unshare", ["--net", "sh", "-c", begin], { stdio: ["pipe", "ignore", "inherit"] });
  const ended = once(server, "exit");
  const stop = async () => {
    server.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const inside = ["--target", String(await ownNetwork(server)), "--net", "ip"];
    ip(`link add ${device} type veth peer name eth0 netns ${inside[1]}`);
    ip(`addr add ${ours}/30 dev ${device}`);
    ip(`link set ${device} up`);
    // Answers to sandboxes come in here.
    writeFileSync(`/proc/sys/net/ipv4/conf/${device}/forwarding`, "1");
    for (const words of [`addr add ${address}/30 dev eth0`, "link set eth0 up", `route add default via ${ours}`])
      execFileSync("nsenter", [...inside, ...words.split(" ")]);
    server.stdin.end("go\n");
    await answering(address);
    return { uri: `redis://${address}:${port}`, address, port, network: `10.213.${third}.0/30`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function ip(words: string): void {
  execFileSync("ip", words.split(" "));
}

/** Its id, once it is in a network that is not ours. */
async function ownNetwork({ pid }: ChildProcess): Promise<number> {
  while (networkOf(pid as number) === networkOf("self")) await sleep(5);
  return pid as number;
}

function networkOf(process: number | "self"): string {
  return readlinkSync(`/proc/${process}/ns/net`);
}

async function answering(host: string): Promise<void> {
  const giveUpAt = performance.now() + 20_000;
  for (;;) {
    const socket = connect({ host, port });
    try {
      await once(socket, "connect");
      return;
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
      await sleep(20);
    } finally {
      socket.destroy();
    }
  }
}
