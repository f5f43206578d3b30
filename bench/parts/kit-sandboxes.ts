/** Functions of the npm Fn kit in the very sandboxes that our agent would start for them, for somebody else to call. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { agentDefaults } from "../../src/agent/config.ts";
import { realWorld } from "../../src/lib/world.ts";
import { httpStreamProtocol } from "../../src/protocol/http-stream/http-stream.ts";
import { bubblewrapDriver } from "../../src/sandbox/bubblewrap/driver.ts";
import { coresOf, type SandboxDriver } from "../../src/sandbox/sandbox.ts";
import { makeRoot } from "../../test/root-folder.ts";
import { sampleFn } from "../../test/samples.ts";
import { treeOf } from "./processes.ts";

const memoryMiB = 128;
const startMsMax = 20_000;

export interface KitSandboxes {
  /** Sockets on which the kits listen, as seen from outside. */
  readonly sockets: readonly string[];
  stop(): Promise<void>;
}

/** `code` has the function's `func.js` and its packages. What the kits print is read and dropped, as for calls without logs. */
export async function startKitSandboxes(code: string, count: number): Promise<KitSandboxes> {
  const folder = mkdtempSync(join(tmpdir(), "kiln-kits-"));
  for (const each of [folder, code]) chmodSync(each, 0o755);
  const driver = bubblewrapDriver({ world: realWorld(), warn: () => {} });
  const stop = async () => {
    await driver.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const others = new Set(kitProcesses());
    const root = makeRoot(join(folder, "root"));
    for (let index = 0; index < count; index++) await startOne(driver, root, code, index);
    const sockets = kitProcesses().filter((pid) => !others.has(pid));
    if (sockets.length !== count) throw new Error(`${sockets.length} kits run instead of ${count}`);
    return { sockets: sockets.map(socketOf), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startOne(driver: SandboxDriver, root: string, code: string, index: number): Promise<void> {
  const { env, endpoint, outputMark } = httpStreamProtocol(realWorld()).launch(sampleFn({ protocol: "http-stream", memoryMiB }), {
    name: null,
    config: {},
  });
  const { processesMax, openFilesMax, tmpMiB, tmpFilesMax } = agentDefaults;
  const cores = coresOf(memoryMiB) < availableParallelism() ? [index % availableParallelism()] : undefined;
  const sandbox = await driver.create({
    id: `kit-${index}`,
    root,
    code,
    runtime: null,
    command: ["node", "/function/func.js"],
    env: { PATH: "/bin", HOME: "/tmp", ...env },
    endpoint,
    outputMark,
    egress: "none",
    limits: { memoryMiB, cores, processesMax, openFilesMax, tmpMiB, tmpFilesMax },
    output: () => {},
  });
  (await sandbox.connect(AbortSignal.timeout(startMsMax))).destroy();
}

/** Below this process. */
function kitProcesses(): number[] {
  return treeOf(process.pid).filter((pid) => commandOf(pid).startsWith("node\0/function/func.js") && existsSync(socketOf(pid)));
}

function socketOf(pid: number): string {
  return `/proc/${pid}/root/tmp/iofs/lsnr.sock`;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
