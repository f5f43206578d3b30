import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import type { ImageStart } from "../../model/model.ts";
import type { RunConfig } from "../../oci/oci.ts";
import { userOf } from "../../oci/user.ts";
import type { Prepared } from "../image.ts";
import type { CachedImage } from "./image-cache.ts";
import { fullPath, programInside, programsInside, textInside } from "./inside.ts";

/** Where Lambda has programs that run beside a function. */
const extensionsFolder = "/opt/extensions";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What a sandbox of an unpacked image is started with. Throws `invalid`, and `function_start_failed` for what is not in it. */
export async function preparedOf(
  image: string,
  { folder, note }: CachedImage,
  start: ImageStart | undefined,
  hold: () => () => void,
): Promise<Prepared> {
  const root = join(folder, "tree");
  const config = startedAs(note.config, start);
  const env = environmentOf(config);
  const workingFolder = fullPath(config.WorkingDir ?? "", "/");
  const path = env["PATH"] ?? defaultPath;
  const command = await commandOf(image, config, (name) => programInside(root, name, workingFolder, path));
  const user = await userOf(image, config.User ?? "", (file) => textInside(root, file));
  return {
    root,
    code: null,
    runtime: null,
    path,
    shimCommand: null,
    command: () => command,
    env,
    extensions: await programsInside(root, extensionsFolder),
    workingFolder,
    user,
    hold,
  };
}

function startedAs(config: RunConfig, { entryPoint, command, workingFolder }: ImageStart = {}): RunConfig {
  return {
    ...config,
    Entrypoint: entryPoint ?? config.Entrypoint,
    Cmd: command ?? config.Cmd,
    WorkingDir: workingFolder ?? config.WorkingDir,
  };
}

function environmentOf({ Env }: RunConfig): Readonly<Record<string, string>> {
  const pairs = (Env ?? []).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const);
  return Object.fromEntries(pairs.filter(([name]) => name !== ""));
}

async function commandOf(
  image: string,
  { Entrypoint, Cmd }: RunConfig,
  find: (name: string) => Promise<string | null>,
): Promise<readonly string[]> {
  const [program, ...args] = [...(Entrypoint ?? []), ...(Cmd ?? [])];
  if (program === undefined) {
    throw new PlatformError("invalid", `The image ${image} does not say what to start: give it an ENTRYPOINT or a CMD`);
  }
  const found = await find(program);
  if (found !== null) return [found, ...args];
  const message = `The image ${image} is to start ${program}, and has no such program`;
  throw new PlatformError("function_start_failed", message);
}
