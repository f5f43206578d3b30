/** Fn's own server, for benches that compare with it. Its program is not ours and has to be built before: `cmd/fnserver` of fnproject/fn. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cleanEnvironment } from "../../test/platform.ts";
import { freePort } from "./references.ts";

const startMsMax = 60_000;
const mebibyte = 1024 * 1024;

/** Its program, by the variable FN_SERVER; null, and a line that says what is missing, where there is none. */
export function fnServerProgram(): string | null {
  const program = process.env["FN_SERVER"] ?? "";
  if (program !== "" && existsSync(program)) return program;
  const why = program === "" ? "FN_SERVER does not name it" : `FN_SERVER names ${program}, which is not there`;
  process.stderr.write(
    `kiln: skipped: Fn's own server is missing, ${why}; go build ./cmd/fnserver in the sources of fnproject/fn\n`,
  );
  return null;
}

export interface FnServer {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * With its containers on this engine, each with its whole memory reserved, so that `memoryMiB` is the limit of how many there are; null: what the
 * machine has. All else is as Fn has it, but for networks, of which a test's engine has none, and for its log, in which calls are not.
 */
export async function startFnServer(program: string, dockerHost: string, memoryMiB: number | null): Promise<FnServer> {
  const folder = mkdtempSync(join(tmpdir(), "kiln-fn-server-"));
  mkdirSync(`${folder}/iofs`);
  const port = await freePort();
  const env = {
    ...cleanEnvironment,
    DOCKER_HOST: dockerHost,
    FN_PORT: String(port),
    FN_GRPC_PORT: String(await freePort()),
    FN_DB_URL: `sqlite3://${folder}/fn.db`,
    FN_IOFS_PATH: `${folder}/iofs`,
    FN_IOFS_DOCKER_PATH: `${folder}/iofs`,
    ...(memoryMiB === null ? {} : { FN_MAX_TOTAL_MEMORY_BYTES: String(memoryMiB * mebibyte) }),
    FN_DOCKER_NETWORKS: "none",
    FN_LOG_LEVEL: "error",
    FN_DISABLE_DEBUG_USER_LOGS: "true",
  };
  const child = spawn(program, [], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-8000);
    });
  }
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  for (const giveUpAt = performance.now() + startMsMax; !(await isUp(url)); await sleep(100)) {
    if (performance.now() < giveUpAt && child.exitCode === null) continue;
    await stop();
    throw new Error(`Fn's own server did not start: ${said}`);
  }
  return { url, port, stop };
}

async function isUp(url: string): Promise<boolean> {
  return await fetch(`${url}/version`).then(
    ({ ok }) => ok,
    () => false,
  );
}
