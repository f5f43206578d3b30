/** A machine with an internet of its own (`egress-machine.ts`), for tests of what sandboxes can reach. Nothing of this machine is touched. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Egress } from "../../src/model/model.ts";
import type { NetworkWay } from "../../src/sandbox/egress/egress.ts";
import { cannotIsolate } from "./box.ts";
import { type EgressWay, type MachineOrder, type MachineReply, tunDevice, userId } from "./egress-machine.ts";

/** Somebody that a program tries to reach. */
export interface Target {
  /** As a program may write it. */
  readonly host: string;
  readonly port: number;
}

/**
 * Tries all targets at the same time and prints what each answered, as JSON by `host port`: `reached …`, `machine …` or the error.
 */
const tryAll = `
import json, os, socket, concurrent.futures
def attempt(target):
    host, port = target["host"], target["port"]
    said = []
    try: addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error: return "name " + str(error)
    for family, kind, protocol, _, address in addresses:
        with socket.socket(family, kind, protocol) as s:
            s.settimeout(4)
            try:
                s.connect(address)
                s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                data = b""
                while True:
                    chunk = s.recv(4096)
                    if not chunk: break
                    data += chunk
                said.append(data.decode().split("\\r\\n\\r\\n")[-1] or "connected")
            except OSError as error: said.append(type(error).__name__ + " " + str(error))
    return "; ".join(said)
targets = json.loads(os.environ["TARGETS"])
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(json.dumps({t["host"] + " " + str(t["port"]): r for t, r in zip(targets, pool.map(attempt, targets))}))
`;

const untilReached = `
import json, os, socket, time
first = json.loads(os.environ["FIRST"])
for _ in range(600):
    try:
        socket.create_connection((first["host"], first["port"]), timeout=2).close()
        break
    except OSError: time.sleep(0.05)
`;

/** The machine; `close` ends it and tells what was left on it. */
export class EgressWorld {
  readonly #machine: ChildProcess;
  readonly #replies: AsyncIterator<string>;
  readonly #lines: Interface;

  constructor(way: EgressWay = "root") {
    const main = fileURLToPath(new URL("egress-machine.ts", import.meta.url));
    const command = ["--net", "--mount", process.execPath, main, way];
    this.#machine = spawn("unshare", command, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface(this.#machine.stdout as NodeJS.ReadableStream);
    this.#replies = this.#lines[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    await this.#reply();
  }

  async ask(order: MachineOrder): Promise<string> {
    this.#machine.stdin?.write(`${JSON.stringify(order)}\n`);
    return await this.#reply();
  }

  /** What `code` prints, in Python, in so many sandboxes at the same time. */
  async run(egress: Egress, code: string, env: Record<string, string> = {}, count = 1): Promise<string> {
    return await this.ask({ do: "run", egress, code, env, count });
  }

  /** What each target answers to a sandbox. */
  async reach(egress: Egress, targets: readonly Target[]): Promise<Record<string, string>> {
    return JSON.parse(await this.run(egress, tryAll, { TARGETS: JSON.stringify(targets) })) as Record<string, string>;
  }

  /** What each target answers to a sandbox that began with `internet`, once `first` is reached. */
  async reachLater(later: readonly string[], first: Target, targets: readonly Target[]): Promise<Record<string, string>> {
    const env = { TARGETS: JSON.stringify(targets), FIRST: JSON.stringify(first) };
    const said = await this.ask({ do: "run", egress: "internet", later, code: `${untilReached}${tryAll}`, env });
    return JSON.parse(said) as Record<string, string>;
  }

  async close(): Promise<string> {
    const left = await this.ask({ do: "close" });
    this.#machine.stdin?.end();
    this.#lines.close();
    return left;
  }

  async #reply(): Promise<string> {
    const line = await this.#replies.next();
    assert.equal(line.done, false, "the machine has ended");
    const { output, error } = JSON.parse(line.value as string) as MachineReply;
    assert.equal(error, undefined, error);
    return output ?? "";
  }
}

/** Why these tests cannot run here, or false. */
export const cannotNetwork: string | false =
  cannotIsolate || (works(["nft", "--version"], ["ip", "-V"], ["nsenter", "--version"]) ? false : "needs nft, ip and nsenter");

/** Why servers that are not root cannot be tested with this program, or false. The device is made where nobody else sees it. */
export function cannotNetworkBy(program: Exclude<NetworkWay, "root">): string | false {
  if (cannotNetwork !== false) return cannotNetwork;
  const needs: readonly (readonly [what: string, command: readonly string[]])[] = [
    [`${program} (apt-get install passt slirp4netns)`, [program, "--version"]],
    ["a device of tunnels that this machine lets us make", ["unshare", "--mount", "sh", "-c", tunDevice]],
    ["user namespaces for all users", asUser("unshare", "--user", "--map-root-user", "--net", "true")],
    ["sources that another user can read", asUser("cat", fileURLToPath(import.meta.url), process.execPath)],
  ];
  const missing = needs.find(([, command]) => !works(command));
  return missing === undefined ? false : `needs ${missing[0]}`;
}

function asUser(...command: readonly string[]): readonly string[] {
  return ["setpriv", `--reuid=${userId}`, `--regid=${userId}`, "--clear-groups", ...command];
}

function works(...commands: readonly (readonly string[])[]): boolean {
  try {
    for (const [program = "", ...args] of commands) execFileSync(program, args, { stdio: "ignore", timeout: 5000 });
    return true;
  } catch {
    return false;
  }
}
