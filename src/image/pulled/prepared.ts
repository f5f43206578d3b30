import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import type { RunConfig } from "../../oci/oci.ts";
import type { Prepared } from "../image.ts";
import type { CachedImage } from "./image-cache.ts";
import { fullPath, programInside, textInside } from "./inside.ts";

/** Of images that say nothing else, and of those that would have functions be root. */
const functionUser = { uid: 1000, gid: 1000 } as const;
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const idMax = 0xffff_fffe;

/** What a sandbox of an unpacked image is started with. Throws `invalid`, and `function_start_failed` for what is not in it. */
export async function preparedOf(image: string, { folder, note }: CachedImage, hold: () => () => void): Promise<Prepared> {
  const root = join(folder, "tree");
  const { config } = note;
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
    workingFolder,
    user,
    hold,
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

/** `NAME|ID[:GROUP|ID]`, where names are the image's own. */
async function userOf(
  image: string,
  text: string,
  read: (file: string) => Promise<string>,
): Promise<{ uid: number; gid: number }> {
  const [name = "", group] = text.trim().split(":");
  if (name === "") return functionUser;
  const fields = await lineOf(name, "/etc/passwd", read);
  const uid = idOf(name) ?? idOf(fields?.[2]);
  const groupFields = group === undefined ? null : await lineOf(group, "/etc/group", read);
  const gid = group === undefined ? (idOf(fields?.[3]) ?? functionUser.gid) : (idOf(group) ?? idOf(groupFields?.[2]));
  if (uid === undefined || gid === undefined) {
    throw new PlatformError("invalid", `The image ${image} is to run as ${text}, and knows no such user or group`);
  }
  return uid === 0 ? functionUser : { uid, gid };
}

/** By name, or by number where it is one. */
async function lineOf(name: string, file: string, read: (file: string) => Promise<string>): Promise<readonly string[] | null> {
  const lines = (await read(file)).split("\n").map((line) => line.split(":"));
  return lines.find((fields) => fields[0] === name) ?? lines.find((fields) => fields[2] === name) ?? null;
}

function idOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= idMax ? Number(text) : undefined;
}
