/** What people know: `docker run`, on a Docker Engine of the bench's own. */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { importFolder, noDocker, startEngine } from "../../test/docker.ts";
import { makeRoot } from "../../test/root-folder.ts";
import { median } from "../bench.ts";
import { timeMs } from "./plain.ts";

const execute = promisify(execFile);
const image = "bench.test/hello:1";
const reportRounds = 5;
const commandMsMax = 120_000;
const hello = join(import.meta.dirname, "../../examples/hello-node");

/** Loads the handler, calls it and prints the answer. */
const program =
  "Promise.resolve(require('/function/index.js').handler({}, {})).then((answer) => process.stdout.write(JSON.stringify(answer)))";

interface DockerRun {
  /** A container of the hello example by Docker's command, from its start to its end. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

/** Null, and a line that says why, where there can be none. */
export async function startDockerRun(): Promise<DockerRun | null> {
  if (noDocker !== undefined) return skipped(noDocker);
  if (!(await isThere())) return skipped("the command docker is missing: apt-get install docker.io docker-cli");
  const engine = await startEngine();
  const stop = () => engine.remove();
  try {
    await importHello((folder) => importFolder(engine.engine, folder, image, []));
  } catch (error) {
    await stop();
    throw error;
  }
  const args = ["--host", engine.host, "run", "--rm", "--network=none", image, "node", "-e", program];
  return {
    async run() {
      await execute("docker", args, { timeout: commandMsMax });
    },
    stop,
  };
}

/** Says on stderr what starting a container for one call takes, or why it does not; there is no target for it. */
export async function reportDockerRun(): Promise<void> {
  const docker = await startDockerRun();
  if (docker === null) return;
  try {
    const times: number[] = [];
    for (let round = 0; round < reportRounds; round++) times.push(await timeMs(() => docker.run()));
    process.stderr.write(`kiln: docker run of the same handler, p50: ${Math.round(median(times))} ms\n`);
  } finally {
    await docker.stop();
  }
}

async function importHello(take: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "kiln-hello-image-"));
  try {
    makeRoot(folder);
    cpSync(hello, `${folder}/function`, { recursive: true });
    await take(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function isThere(): Promise<boolean> {
  return await execute("docker", ["--version"]).then(
    () => true,
    () => false,
  );
}

function skipped(why: string): null {
  process.stderr.write(`kiln: skipped: docker run: ${why}\n`);
  return null;
}
