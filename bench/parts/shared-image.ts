/** One image of a function of the npm Fn kit, in a Docker Engine and in a registry that platforms pull it from: the same bytes for both. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { importFdkImage, noDocker, startEngine } from "../../test/docker.ts";
import { noImageRegistry, startImageRegistry } from "../../test/image-registry.ts";

const run = promisify(execFile);
const commandMsMax = 120_000;

export interface SharedImage {
  /** By which both know it. */
  readonly name: string;
  /** As DOCKER_HOST. */
  readonly host: string;
  /** Runs Docker's own command; resolves with what it printed. */
  docker(args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Rejects where the programs for it are missing, with how to get them. */
export async function startSharedImage(): Promise<SharedImage> {
  const missing = noDocker ?? noImageRegistry ?? (await noCommand());
  if (missing !== undefined) throw new Error(missing);
  const registry = await startImageRegistry();
  const engine = await startEngine().catch(async (error: unknown) => {
    await registry.stop();
    throw error;
  });
  const { host } = engine;
  const docker = async (args: readonly string[]) =>
    (await run("docker", ["--host", host, ...args], { timeout: commandMsMax })).stdout;
  const stop = async () => {
    await engine.remove();
    await registry.stop();
  };
  const name = `${registry.host}/hello:1`;
  try {
    await importFdkImage(engine.engine, name);
    await docker(["push", "--quiet", name]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, host, docker, stop };
}

async function noCommand(): Promise<string | undefined> {
  return await run("docker", ["--version"]).then(
    () => undefined,
    () => "the command docker is missing: apt-get install docker.io docker-cli",
  );
}
