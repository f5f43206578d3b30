import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import type { LayerPart } from "../../oci/layer.ts";
import type { RunConfig } from "../../oci/oci.ts";
import { findKind, type Kind } from "../kinds.ts";
import { rootLayout } from "../layout.ts";
import { executableCommand } from "../programs/executable.ts";
import { nodejsProgram } from "../programs/nodejs.ts";
import { installedFolder, pythonEntry, pythonEnvironment, pythonProgram } from "../programs/python.ts";

/** A function whose image is wanted; folders are of this machine. */
export interface ImageRequest {
  readonly kind: string;
  /** The kind's root file system. */
  readonly root: string;
  readonly code: string;
  readonly packages: InstalledPackages | null;
  /** As the function says it; null: the kind's own. */
  readonly entrypoint: readonly string[] | null;
  readonly cmd: readonly string[] | null;
  readonly handler: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** What was installed for the code. */
export interface InstalledPackages {
  /** The same for the same packages. */
  readonly key: string;
  /** The code with its packages; null where their layer is there already. */
  readonly folder: string | null;
}

export interface PlannedLayer {
  /** Names what is in it where that is worth keeping; null: it changes all the time. */
  readonly key: string | null;
  readonly parts: readonly LayerPart[];
  readonly createdBy: string;
}

export interface FunctionImage {
  readonly layers: readonly PlannedLayer[];
  readonly run: RunConfig;
}

/** As Fn's images have it. */
const codeFolder = "function";
const pythonPackages = "python";
const user = "1000:1000";
/** Of our own sandboxes, which mount something there. */
const mountPoints = ["runtime", "run/kiln", "run/kiln-init"];

/**
 * What a function is as a container image that speaks Fn's contract: the kind's root, its packages, its code, and how it is started, as
 * Fn's own images are. Throws `invalid` when nothing in the code can be started, `unsupported` for a kind without images.
 */
export async function functionImage(request: ImageRequest): Promise<FunctionImage> {
  const kind = findKind(request.kind);
  const start = await startOf(kind, request);
  const { entrypoint, cmd, labels } = request;
  const run: RunConfig = {
    User: user,
    Env: [`PATH=${rootLayout.path}`, "HOME=/tmp", ...Object.entries(start.env).map(([name, value]) => `${name}=${value}`)],
    Entrypoint: entrypoint ?? (cmd === null ? start.command : null),
    ...(cmd !== null && { Cmd: cmd }),
    WorkingDir: `/${codeFolder}`,
    Labels: labels,
  };
  return { layers: [rootLayer(kind, request.root), ...packageLayers(kind, request.packages), codeLayer(request.code)], run };
}

function rootLayer({ name }: Kind, folder: string): PlannedLayer {
  return {
    key: `root-${basename(dirname(folder))}`,
    parts: [{ folder, at: "", without: mountPoints }],
    createdBy: `polykiln: files of ${name}`,
  };
}

function packageLayers({ runtime: { family } }: Kind, packages: InstalledPackages | null): PlannedLayer[] {
  if (packages === null) return [];
  const [below, at] = family === "python" ? [installedFolder, pythonPackages] : ["node_modules", `${codeFolder}/node_modules`];
  const parts = packages.folder === null ? [] : [{ folder: join(packages.folder, below), at }];
  return [{ key: `packages-${packages.key}`, parts, createdBy: "polykiln: packages" }];
}

function codeLayer(folder: string): PlannedLayer {
  return { key: null, parts: [{ folder, at: codeFolder }], createdBy: "polykiln: code" };
}

interface Start {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function startOf(kind: Kind, request: ImageRequest): Promise<Start> {
  const { code, entrypoint } = request;
  switch (kind.runtime.family) {
    case "nodejs": {
      const find = entrypoint === null ? await nodejsProgram(kind.name, code, rootLayout) : () => [];
      return { command: find("http-stream").map(shortened), env: {} };
    }
    case "python":
      return await pythonStart(kind, request);
    case "executable": {
      const given = (entrypoint ?? []).map((word) => word.replace(/^\.\//, ""));
      const command = await executableCommand(
        kind.name,
        { folder: code, layers: null },
        given,
        kind.runtime.staticOnly,
        rootLayout,
      );
      return { command: command.map((word) => word.replace(`/${codeFolder}/`, "./")), env: {} };
    }
    default:
      throw new PlatformError(
        "unsupported",
        `Functions of the kind ${kind.name} cannot be made images: build them with its own tools`,
      );
  }
}

/** `/bin/node /function/func.js` is `node func.js`, as Fn writes it: programs are looked up, and the code's folder is where they begin. */
function shortened(word: string): string {
  return word === rootLayout.node ? "node" : word.replace(`/${codeFolder}/`, "");
}

/** The kit's own program where it was installed, as in Fn's images; else what it does, with the kit that the code brings. */
async function pythonStart(kind: Kind, { code, packages, handler, entrypoint }: ImageRequest): Promise<Start> {
  const own = await pythonEnvironment(code, rootLayout);
  const env = packages === null ? own : { ...own, PYTHONPATH: `${own["PYTHONPATH"]}:/${pythonPackages}` };
  if (packages === null)
    return {
      command: entrypoint ?? (await pythonProgram(kind.name, { folder: code, layers: null }, handler, rootLayout))("http-stream"),
      env,
    };
  const { file, name } = await pythonEntry(kind.name, code, handler, "http-stream");
  if (packages.folder !== null && entrypoint === null) await requireKit(join(packages.folder, installedFolder, "bin/fdk"));
  return { command: [`/${pythonPackages}/bin/fdk`, `/${codeFolder}/${file}`, name], env };
}

async function requireKit(file: string): Promise<void> {
  if (await stat(file).catch(() => null)) return;
  throw new PlatformError(
    "invalid",
    "The image would have nothing that speaks Fn's contract: add fdk to requirements.txt, or say entrypoint in func.yaml",
  );
}
