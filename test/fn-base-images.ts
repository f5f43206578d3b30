/** Images under the names that Fn's client builds on, made of our own roots: nothing is pulled, and no build needs a network. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { settings } from "../src/config/load.ts";
import { nodeRoot, npmProgram, npmRoot, pipFolder, pipRoot, pythonRoot } from "../src/image/roots/recipes.ts";
import { RootStore } from "../src/image/roots/root-store.ts";
import { realWorld } from "../src/lib/world.ts";
import type { DockerEngine } from "../src/sandbox/docker/engine.ts";
import { npmCache } from "./kits.ts";

export const nodeImage = "fnproject/node:24";
export const pythonImage = "fnproject/python:3.11";
/** Of the image that a function runs on, the one that it is built on. */
export const buildImage = (runImage: string): string => `${runImage}-dev`;

/** The builder that is in every engine, and needs no plug-in of the docker command. */
export const plainBuilds: Readonly<Record<string, string>> = { DOCKER_BUILDKIT: "0" };

/** Makes those of Node and Python, and what they are built on: with npm, which has these packages, and with pip. */
export async function importBaseImages(engine: DockerEngine, npmPackages: readonly string[]): Promise<void> {
  const roots = new RootStore(process.env["POLYKILN_CACHE"] ?? settings().cache.default, realWorld(), () => {});
  const node = await roots.node("24");
  const nodeFiles: Part = [(await roots.get(nodeRoot(node.version), node)).folder, "."];
  const npmFiles: Part = [(await roots.get(npmRoot(node.version))).folder, "usr/lib/node_modules"];
  const pythonFiles: Part = [(await roots.get(pythonRoot)).folder, "."];
  const pipFiles: Part = [(await roots.get(pipRoot(node.version), node)).folder, pipFolder];
  const cache = await npmCache(join(npmFiles[0], npmProgram), npmPackages);
  const npmSettings = `npm_config_cache=/${basename(cache)} npm_config_offline=true npm_config_update_notifier=false`;
  const scripts = mkdtempSync(join(tmpdir(), "fn-base-"));
  try {
    const npm = script(join(scripts, "npm"), "npm", `exec node ${npmProgram} "$@"`);
    const pip = script(join(scripts, "pip"), "pip3", `PYTHONPATH=/${pipFolder} exec python3 -m pip "$@"`);
    await importParts(engine, nodeImage, [nodeFiles], "");
    await importParts(engine, buildImage(nodeImage), [nodeFiles, npm, npmFiles, [dirname(cache), basename(cache)]], npmSettings);
    await importParts(engine, pythonImage, [pythonFiles], "");
    await importParts(
      engine,
      buildImage(pythonImage),
      [pythonFiles, pip, pipFiles],
      "PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore",
    );
  } finally {
    rmSync(scripts, { recursive: true, force: true });
  }
}

/** A folder, and what of it becomes part of an image. */
type Part = readonly [folder: string, path: string];

/** A program of a shell's, in a folder of its own. */
function script(folder: string, name: string, command: string): Part {
  mkdirSync(join(folder, "usr/bin"), { recursive: true });
  writeFileSync(join(folder, "usr/bin", name), `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  return [folder, `usr/bin/${name}`];
}

/** No path may come twice. `env`: what is set in the image, as in a Dockerfile. */
async function importParts(engine: DockerEngine, reference: string, parts: readonly Part[], env: string): Promise<void> {
  const args = parts.flatMap(([folder, path]) => ["-C", folder, path]);
  const tar = spawn("tar", ["--numeric-owner", "-cf", "-", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  await engine.import(tar.stdout, reference, env === "" ? [] : [`ENV ${env}`]);
}
