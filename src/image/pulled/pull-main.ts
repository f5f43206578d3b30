/**
 * A process for one pull: fetches the layers that are missing, unpacks them, and makes the tree. It is one of its own so that the serving
 * process neither waits for a disk nor holds a byte of an image, and it ends when that one does. What is whole is renamed into its place and
 * told; after that it is seen to that the disk has it (`unsynced.ts`).
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { realWorld } from "../../lib/world.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import type { Registry } from "../../oci/oci.ts";
import { createRegistry } from "../../oci/registry.ts";
import { entriesOf, hidingsOf } from "./layer.ts";
import { MergedTree } from "./merge.ts";
import { type LayerNote, noteName, type PullAnswer, type PullJob, type PullLayer, type RootNote } from "./pull-job.ts";
import { unpackLayer } from "./unpack.ts";
import { thisBoot, Unsynced } from "./unsynced.ts";
import { addPlatformParts, writeTree } from "./write-tree.ts";

/** Layers at a time. */
const transfersMax = 3;
const niceness = 5;

async function main(): Promise<void> {
  setPriority(niceness);
  const lines = createInterface({ input: process.stdin });
  lines.once("line", (line) => void serve(JSON.parse(line) as PullJob));
  lines.once("close", () => process.exit(1));
}

async function serve(job: PullJob): Promise<void> {
  const unsynced = new Unsynced();
  const answer = await run(job, unsynced);
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(answer)}\n`, () => resolve()));
  await unsynced.settle(dirname(job.rootFolder)).catch((error: unknown) => {
    process.stderr.write(`The disk did not take what was unpacked: ${String(error)}\n`);
  });
  process.exit(0);
}

async function run(job: PullJob, unsynced: Unsynced): Promise<PullAnswer> {
  try {
    await pull(job, unsynced);
    return { done: true };
  } catch (error) {
    const { code, message, details, cause } = asPlatformError(isDiskFull(error) ? diskFull(error) : error);
    process.stderr.write(`${code === "internal" ? String((cause as Error)?.stack ?? cause) : message}\n`);
    return { failed: { code, message, details } };
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

function diskFull(cause: unknown): PlatformError {
  return new PlatformError("registry_failed", "the disk of this server is full", { cause });
}

async function pull(job: PullJob, unsynced: Unsynced): Promise<void> {
  const registry = createRegistry(job.registry, realWorld());
  const missing = job.layers.filter(
    ({ folder, diffId }, index) => !existsSync(folder) && job.layers.findIndex((each) => each.diffId === diffId) === index,
  );
  const fetched = new Map<string, string>();
  try {
    await fetchAll(missing, fetched, job, registry);
    await makeRoot(job, (layer) => fetched.get(layer.folder) ?? layer.folder);
  } finally {
    registry.close();
    // Also when another one failed: whoever tries again need not fetch these again.
    for (const [folder, made] of fetched) publish(made, folder, unsynced);
  }
  publish(join(job.workFolder, "root"), job.rootFolder, unsynced);
}

async function fetchAll(
  missing: readonly PullLayer[],
  fetched: Map<string, string>,
  job: PullJob,
  registry: Registry,
): Promise<void> {
  const stop = new AbortController();
  const waiting = missing.map((layer, index) => ({ layer, made: join(job.workFolder, `layer-${index}`) }));
  const failures: unknown[] = [];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined && failures.length === 0; next = waiting.shift()) {
      const { layer, made } = next;
      try {
        mkdirSync(made, { mode: 0o755 });
        await unpackLayer(registry.blob(job.reference, layer, stop.signal), layer.diffId, made, job.limits);
        fetched.set(layer.folder, made);
      } catch (error) {
        failures.push(error);
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: transfersMax }, work));
  if (failures.length > 0) throw failures[0];
}

async function makeRoot(job: PullJob, folderOf: (layer: PullLayer) => string): Promise<void> {
  const tree = new MergedTree();
  const layers = job.layers.map(folderOf);
  const notes = layers.map((layer) => JSON.parse(readFileSync(join(layer, noteName), "utf8")) as LayerNote);
  const entries = notes.reduce((sum, note) => sum + note.entries, 0);
  checkTotal(notes, entries, job);
  try {
    for (const layer of layers) await tree.add(hidingsOf(layer), entriesOf(layer));
    addPlatformParts(tree, job.note.config.WorkingDir || "/");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error;
    throw new PlatformError("registry_failed", `a layer is refused: ${(error as Error).message}`, { cause: error });
  }
  const root = join(job.workFolder, "root");
  mkdirSync(root, { mode: 0o755 });
  chmodSync(root, 0o755);
  writeTree(tree.root, join(root, "tree"), layers);
  writeFileSync(join(root, noteName), JSON.stringify({ ...job.note, entries, boot: thisBoot() } satisfies RootNote));
}

function checkTotal(notes: readonly LayerNote[], entries: number, { limits }: PullJob): void {
  const bytes = notes.reduce((sum, note) => sum + note.bytes, 0);
  if (bytes > limits.bytesMax) throw new PlatformError("registry_failed", `it unpacks to more than ${limits.bytesMax} bytes`);
  if (entries > limits.entriesMax) throw new PlatformError("registry_failed", `it has more than ${limits.entriesMax} files`);
}

/** Somebody else may have made the same meanwhile, which is as good: ours goes with the work folder. */
function publish(made: string, place: string, unsynced: Unsynced): void {
  chmodSync(made, 0o755);
  const callOff = unsynced.add(made);
  try {
    renameSync(made, place);
  } catch (error) {
    callOff();
    if (!existsSync(place)) throw error;
  }
}

await main();
