import { stat } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import type { ProtocolName } from "../../model/model.ts";
import type { Layout } from "../layout.ts";
import { type CodeFolders, type FindProgram, nothingToRun, pickFile, topFiles } from "./program.ts";

/** Folders beside the code in which people vendor packages (`pip install --target`); `python` is where Fn's images have them. */
export const packageFolders = ["vendor", "python"] as const;
/** Where the platform puts those that it installed. */
export const installedFolder = ".kiln/packages";

const lambdaClient = "awslambdaric/__main__.py";
const stdioNames = ["func.py", "main.py", "app.py"];
const fileNames = {
  "http-stream": ["func.py", "handler.py", "app.py", "main.py"],
  "http-port": ["app.py", "main.py", "server.py", "func.py"],
  "action-proxy": ["app.py", "main.py", "server.py", "func.py"],
  "runtime-api": ["lambda_function.py"],
  stdio: stdioNames,
  "stdio-http": stdioNames,
  "stdio-json": stdioNames,
  "stdio-cloudevent": stdioNames,
  frames: ["main.py", "func.py"],
} as const;

/**
 * What the console script `fdk` does, without the script: its first line names the interpreter of the machine that packed it.
 * `-c` keeps its arguments where the script would have them.
 */
const fdkScript = "import sys; from fdk.scripts.fdk import main; sys.exit(main())";

/** What runs our shim for plain handlers. */
export function pythonShim(layout: Layout): readonly string[] {
  return [layout.python, `${layout.runtime}/main.py`];
}

/** What runs our shim while there is no code yet; the environment is completed when it comes. */
export function pythonBlank(layout: Layout): {
  readonly shimCommand: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  return { shimCommand: pythonShim(layout), env: atStart };
}

/** What Python reads when it starts: no waiting output; nothing written beside read-only sources. */
const atStart = { PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1" };

/** The code's folder and the vendored packages in it, and what Python reads when it starts. */
export async function pythonEnvironment(folder: string, layout: Layout): Promise<Readonly<Record<string, string>>> {
  const paths = [layout.code, ...(await vendored(folder)).map((name) => `${layout.code}/${name}`)];
  return { PYTHONPATH: paths.join(":"), ...atStart };
}

/**
 * `python FILE`, and for http-stream the file run by the FDK, as Fn's images do (`fdk func.py handler`). `handler` of the
 * function, as `file.name`, replaces both names.
 */
export async function pythonProgram(
  kind: string,
  { folder, layers }: CodeFolders,
  handler: string | null,
  layout: Layout,
): Promise<FindProgram> {
  const files = await topFiles(folder);
  const hasFdk = await hasPackage(folder, "fdk/scripts/fdk.py");
  const hasLambdaClient =
    (await hasPackage(folder, lambdaClient)) || (layers !== null && (await hasPackage(layers, lambdaClient)));
  return (protocol) => {
    if (protocol === "runtime-api") {
      if (!hasLambdaClient) throw noLambdaClient();
      return [layout.python, "-m", "awslambdaric", handler ?? "lambda_function.lambda_handler"];
    }
    const { file, name } = entryIn(files, kind, handler, protocol);
    const path = `${layout.code}/${file}`;
    if (protocol !== "http-stream") return [layout.python, path];
    if (!hasFdk) throw noFdk();
    return [layout.python, "-c", fdkScript, path, name];
  };
}

/** The file that a protocol starts with, and the name of the handler in it. Throws `invalid`. */
export async function pythonEntry(
  kind: string,
  folder: string,
  handler: string | null,
  protocol: ProtocolName,
): Promise<PythonEntry> {
  return entryIn(await topFiles(folder), kind, handler, protocol);
}

interface PythonEntry {
  readonly file: string;
  readonly name: string;
}

function entryIn(files: ReadonlySet<string>, kind: string, handler: string | null, protocol: ProtocolName): PythonEntry {
  const wanted = splitHandler(handler);
  const names = wanted === null ? fileNames[protocol] : [wanted.file];
  const file = pickFile(files, names, wanted === null ? [".py"] : []);
  if (file === null) throw nothingToRun(kind, `${names.join(", ")}${wanted === null ? " or a single .py file" : ""}`, files);
  return { file, name: wanted?.name ?? "handler" };
}

async function vendored(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of [...packageFolders, installedFolder]) {
    const facts = await stat(join(folder, name)).catch(() => null);
    if (facts?.isDirectory()) found.push(name);
  }
  return found;
}

async function hasPackage(folder: string, file: string): Promise<boolean> {
  for (const place of ["", ...packageFolders, installedFolder]) {
    if (await stat(join(folder, place, file)).catch(() => null)) return true;
  }
  return false;
}

function splitHandler(handler: string | null): { file: string; name: string } | null {
  const match = /^([^./]+)\.([^./]+)$/.exec(handler ?? "");
  return match ? { file: `${match[1]}.py`, name: match[2] as string } : null;
}

function noFdk(): PlatformError {
  const message =
    "Protocol http-stream for Python needs the package fdk in the code: run `pip install --target . fdk` in its folder and pack it again, or give the function a command";
  return new PlatformError("invalid", message);
}

function noLambdaClient(): PlatformError {
  const message =
    "Protocol runtime-api for Python needs the package awslambdaric: name it in requirements.txt, or run `pip install --target . awslambdaric` in the code's folder and pack it again, or give the function a command";
  return new PlatformError("invalid", message);
}
