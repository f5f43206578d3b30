/** What a sandbox sees of files, as arguments of bwrap. */
import { type Dirent, existsSync, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { platformVariables } from "../egress/egress.ts";
import type { SandboxSpec } from "../sandbox.ts";
import { functionFolder, layersFolder, runtimeFolder } from "../sandbox.ts";
import { callbackSocket } from "../spawner/messages.ts";
import { viewMounts } from "./machine-view.ts";

/** Where the platform's own folder of a sandbox appears inside; holds the socket of `callback`. */
export const platformFolder = "/run/kiln";
const resolverPath = "/etc/resolv.conf";
const hostsPath = "/etc/hosts";
/** Inside the platform's folder: the helper of `tcp`, and the folder for its socket. */
export const toolsFolder = `${platformFolder}/tools`;
export const bridgeFolder = `${platformFolder}/io`;

/** Host paths of what is mounted. All can be read by the sandbox's user. */
export interface MountSources {
  readonly root: string;
  readonly code: string | null;
  readonly runtime: string | null;
  readonly layers: string | null;
  /** Holds `tools` and `io` as empty folders where they are mounted on. */
  readonly platform: string;
  readonly tools: string | null;
  /** With `tmp`, `shm` and `io`; null: bwrap is to mount its own, and `socketFolder` is used for io. */
  readonly tmpfs: string | null;
  readonly socketFolder: string;
  /** Becomes `/etc/resolv.conf`, where the sandbox keeps the network that it was started in; null: it gets one with loopback alone. */
  readonly resolverFile: string | null;
  /** Becomes `/etc/hosts`; null: the root's own. */
  readonly hostsFile: string | null;
  /** What it sees of the machine (`machine-view.ts`). */
  readonly view: string;
}

/** All arguments of bwrap but the file descriptors and the command. */
export function bwrapArguments(spec: Omit<SandboxSpec, "output">, sources: MountSources): string[] {
  const network = sources.resolverFile === null ? ["--unshare-net"] : [];
  const { uid, gid } = spec.user ?? { uid: 1000, gid: 1000 };
  const folder = workingFolder(spec);
  return [
    ...isolation,
    "--uid",
    String(uid),
    "--gid",
    String(gid),
    ...network,
    "--clearenv",
    ...Object.entries(environment(spec)).flatMap(([name, value]) => ["--setenv", name, value]),
    ...mounts(spec, sources),
    // What is mounted over an image hides what was in it.
    ...(folder.startsWith("/tmp/") ? ["--dir", folder] : []),
    "--chdir",
    folder,
  ];
}

/** Where the program starts. */
export function workingFolder(spec: Pick<SandboxSpec, "workingFolder" | "code" | "codePlace">): string {
  return spec.workingFolder ?? (spec.code === null ? "/" : (spec.codePlace ?? functionFolder));
}

const isolation: readonly string[] = [
  "--unshare-user --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup-try",
  "--disable-userns --assert-userns-disabled --cap-drop ALL",
  "--hostname function --die-with-parent --new-session",
].flatMap((line) => line.split(" "));

/** What the program finds, but for `PWD`. */
export function environment(spec: Omit<SandboxSpec, "output">): Readonly<Record<string, string>> {
  const given = spec.endpoint.via === "callback" ? { ...spec.env, KILN_SOCKET: `${platformFolder}/${callbackSocket}` } : spec.env;
  const port: Record<string, string> = spec.endpoint.via === "tcp" ? { PORT: String(spec.endpoint.port) } : {};
  return {
    ...platformVariables(spec.egress),
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/tmp",
    ...port,
    ...given,
  };
}

function mounts(spec: Omit<SandboxSpec, "output">, sources: MountSources): string[] {
  const { tmpfs, socketFolder } = sources;
  const bytes = String(spec.limits.tmpMiB * 1024 * 1024);
  const placed = [
    ...(sources.code === null ? [] : [["--ro-bind", sources.code, functionFolder]]),
    ...(sources.code === null || spec.codePlace === undefined ? [] : [["--ro-bind", sources.code, spec.codePlace]]),
    ...(sources.runtime === null ? [] : [["--ro-bind", sources.runtime, runtimeFolder]]),
    ...(sources.layers === null ? [] : [["--ro-bind", sources.layers, layersFolder]]),
    ["--ro-bind", sources.platform, platformFolder],
    ...(sources.tools === null ? [] : [["--ro-bind", sources.tools, toolsFolder]]),
    ...(spec.endpoint.via === "tcp" ? [["--bind", socketFolder, bridgeFolder]] : []),
    ...(spec.endpoint.via === "unix" ? [["--bind", socketFolder, spec.endpoint.folder]] : []),
  ];
  const shared =
    tmpfs === null ? ["--perms", "1777", "--size", bytes, "--tmpfs", "/dev/shm"] : ["--bind", `${tmpfs}/shm`, "/dev/shm"];
  const tmp = tmpfs === null ? ["--perms", "1777", "--size", bytes, "--tmpfs", "/tmp"] : ["--bind", `${tmpfs}/tmp`, "/tmp"];
  // A /dev that could be written to would be memory without a limit of its own.
  const devices = ["--proc", "/proc", "--dev", "/dev", ...shared, "--remount-ro", "/dev"];
  const view = viewMounts.map(([name, target]) => ["--ro-bind", `${sources.view}/${name}`, target]);
  const { writable = [] } = spec;
  const targets = ["/proc", "/sys", "/dev", "/tmp", ...writable, ...placed.map((mount) => mount[2] as string)];
  const opened = writable.flatMap((folder) => openedMounts(sources.root, folder, bytes));
  const hosts =
    sources.hostsFile === null || !canHold(sources.root, hostsPath) ? [] : ["--ro-bind", sources.hostsFile, hostsPath];
  return [...rootMounts(sources, targets), ...hosts, ...devices, ...view.flat(), ...tmp, ...opened, ...placed.flat()];
}

/** A folder in memory, with what the root has there. */
function openedMounts(root: string, folder: string, bytes: string): string[] {
  const entries = canHold(root, folder) ? readdirSync(`${root}${folder}`, { withFileTypes: true }) : [];
  const inside = entries.flatMap((entry) => whole(root, `${folder}/${entry.name}`, entry));
  return ["--perms", "0755", "--size", bytes, "--tmpfs", folder, ...inside];
}

/**
 * The root in one mount if it has all the folders that others are mounted on, which costs least. Otherwise bwrap builds a root
 * in memory from what the folder holds, so that a root never needs to be changed; it is made read-only at the end.
 */
function rootMounts({ root, resolverFile }: MountSources, targets: readonly string[]): string[] {
  // What is mounted in a place that is itself mounted is not the root's business.
  const outer = targets.filter((target) => !targets.some((other) => target.startsWith(`${other}/`)));
  const resolver = resolverFile === null ? [] : ["--ro-bind", resolverFile, resolverPath];
  const all = resolverFile === null ? outer : [...outer, resolverPath];
  if (all.every((target) => canHold(root, target))) return ["--ro-bind", root, "/", ...resolver];
  return [...compose(root, "", all), ...outer.flatMap((target) => ["--dir", target]), ...resolver, "--remount-ro", "/"];
}

function compose(root: string, folder: string, targets: readonly string[]): string[] {
  const entries = readdirSync(`${root}${folder}/`, { withFileTypes: true });
  return entries.flatMap((entry) => composeEntry(root, `${folder}/${entry.name}`, entry, targets));
}

function composeEntry(root: string, path: string, entry: Dirent, targets: readonly string[]): string[] {
  if (targets.includes(path)) return [];
  const inside = targets.filter((target) => target.startsWith(`${path}/`));
  if (inside.every((target) => canHold(root, target))) return whole(root, path, entry);
  return entry.isDirectory() ? ["--dir", path].concat(compose(root, path, inside)) : [];
}

function whole(root: string, path: string, entry: Dirent): string[] {
  if (entry.isSymbolicLink()) return ["--symlink", readlinkSync(root + path), path];
  return entry.isDirectory() || entry.isFile() ? ["--ro-bind", root + path, path] : [];
}

/** Whether something can be mounted there: on a folder, or on a file where it is one. */
function canHold(root: string, target: string): boolean {
  const found = existsSync(root + target) ? lstatSync(root + target) : null;
  return found !== null && (target === resolverPath || target === hostsPath ? found.isFile() : found.isDirectory());
}
