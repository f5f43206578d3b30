/** What this machine offers to isolate code with, and what is missing. */
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { CgroupController, CgroupTree, Isolation } from "../spawner/messages.ts";
import { findNetwork } from "./network-tools.ts";

/** Something the machine lacks, for people. */
export interface Missing {
  readonly what: string;
  /** What is worse without it. */
  readonly why: string;
  readonly fix: string;
}

/** What `inspect` found. */
export interface Capabilities {
  /** False: no sandbox can be started at all; `missing` says why. */
  readonly usable: boolean;
  readonly isolation: Isolation;
  readonly missing: readonly Missing[];
}

/** What to look at; all of it has a default that is the machine itself. */
export interface InspectOptions {
  /** Folders in which programs are looked up, with colons between. */
  readonly path?: string;
  /** The content of `/proc/self/mountinfo`. */
  readonly mountInfo?: string;
  /** The content of `/proc/self/cgroup`. */
  readonly ownCgroups?: string;
  readonly isRoot?: boolean;
  readonly platform?: string;
  readonly architecture?: string;
  readonly uidFirst?: number;
  readonly spares?: number;
  /** The device of tunnels, which a network without root takes. */
  readonly tunDevice?: string;
}

export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Looks, without starting anything. */
export function inspect(options: InspectOptions = {}): Capabilities {
  const isRoot = options.isRoot ?? process.getuid?.() === 0;
  const has = (program: string) => findProgram(program, options.path ?? defaultPath) !== null;
  const platform = options.platform ?? process.platform;
  const blockers = [
    ...missingPlatform(platform, options.architecture ?? process.arch),
    ...(has("bwrap") ? [] : [missingBubblewrap]),
    ...(platform === "linux" && !isRoot ? missingUserNamespaces() : []),
  ];
  const tools = ["setpriv", "unshare", "mount"].filter((program) => !has(program));
  const privileged = isRoot && tools.length === 0;
  const cgroups = platform === "linux" ? findCgroups(options) : [];
  const network = findNetwork(isRoot, has, options.tunDevice);
  const missing = [
    ...blockers,
    ...(isRoot ? tools.map(missingTool) : [missingRoot]),
    ...missingControllers(cgroups),
    ...network.missing,
    ...(has("socat") ? [] : [missingSocat]),
  ];
  const { uidFirst = 200_000, spares = 3 } = options;
  const isolation = { privileged, cgroups, uidFirst, spares, network: privileged === isRoot ? network.way : null };
  return { usable: blockers.length === 0, isolation, missing };
}

/** Full name of a program, or null. */
export function findProgram(name: string, path: string): string | null {
  for (const folder of path.split(":")) {
    const file = `${folder}/${name}`;
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** The hierarchies that we may make groups in. */
function findCgroups(options: InspectOptions): CgroupTree[] {
  const own = /^0::(.*)$/m.exec(options.ownCgroups ?? readOr("/proc/self/cgroup", ""))?.[1] ?? "/";
  const trees: CgroupTree[] = [];
  const taken = new Set<CgroupController>();
  for (const line of (options.mountInfo ?? readOr("/proc/self/mountinfo", "")).split("\n")) {
    const tree = parseCgroup(line, own);
    // Both versions may be mounted; a controller belongs to one of them, and mounting it twice changes nothing.
    const controllers = tree?.controllers.filter((controller) => !taken.has(controller)) ?? [];
    if (tree === null || controllers.length === 0) continue;
    for (const controller of controllers) taken.add(controller);
    trees.push({ ...tree, controllers });
  }
  return trees;
}

function parseCgroup(line: string, own: string): CgroupTree | null {
  const [before, after] = line.split(" - ");
  const mount = before?.split(" ")[4];
  const [type, , options] = after?.split(" ") ?? [];
  if (mount === undefined || (type !== "cgroup" && type !== "cgroup2")) return null;
  if (type === "cgroup") {
    return isWritable(mount) ? { version: 1, base: mount, controllers: wanted(options?.split(",") ?? []) } : null;
  }
  // The group above our own is ours too where it was delegated with a subgroup for the server, as by a systemd unit; otherwise root
  // makes its groups at the top.
  const above = `${mount}${own === "/" ? "" : dirname(own)}`;
  const base = (/\.service\/[^/]+$/.test(own) ? [above, mount] : [mount, above]).find(isWritable);
  return base === undefined ? null : { version: 2, base, controllers: [...delegable(base), "freeze"] };
}

/** Version 2 hands controllers on only from the very root or from a group without processes of its own. */
function delegable(base: string): CgroupController[] {
  const names = (file: string) => readOr(`${base}/${file}`, "").trim().split(" ");
  const isFree = !existsSync(`${base}/cgroup.type`) || readOr(`${base}/cgroup.procs`, "").trim() === "";
  return wanted(isFree ? names("cgroup.controllers") : names("cgroup.subtree_control"));
}

function wanted(names: readonly string[]): CgroupController[] {
  return (["memory", "pids", "cpu", "cpuset"] as const).filter((name) => names.includes(name));
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function readOr(file: string, otherwise: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : otherwise;
}

const missingBubblewrap: Missing = {
  what: "The program bwrap is not installed",
  why: "Without it code cannot be isolated",
  fix: "Run `apt-get install bubblewrap`, or start with `--sandbox process`, which runs code unprotected",
};

const missingSocat: Missing = {
  what: "The program socat is not installed",
  why: "Functions that listen on a TCP port cannot be reached",
  fix: "Run `apt-get install socat`",
};

const missingRoot: Missing = {
  what: "The server does not run as root",
  why: "All sandboxes share the server's user, and the number of files in their /tmp is not limited",
  fix: "Run it as root; it gives up every privilege before it runs code",
};

function missingTool(program: string): Missing {
  return {
    what: `The program ${program} is not installed`,
    why: "Sandboxes do not get a user of their own",
    fix: program === "mount" ? "Run `apt-get install mount`" : "Run `apt-get install util-linux`",
  };
}

function missingPlatform(platform: string, architecture: string): Missing[] {
  if (platform === "linux" && architecture === "x64") return [];
  return [
    {
      what: `This machine is ${platform} on ${architecture}`,
      why: "Sandboxes need Linux on x64",
      fix: "Start with `--sandbox process`, which runs code unprotected",
    },
  ];
}

/** Distributions have three switches of their own for it. */
function missingUserNamespaces(): Missing[] {
  const switches: [file: string, off: string, setting: string][] = [
    ["/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=10000"],
    ["/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"],
    ["/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"],
  ];
  return switches
    .filter(([file, off]) => readOr(file, "").trim() === off)
    .map(([file, off, setting]) => ({
      what: `Users other than root may not make user namespaces (${file} is ${off})`,
      why: "Without root, bwrap isolates by user namespaces",
      fix: `Run \`sysctl -w ${setting}\`, or run the server as root`,
    }));
}

const controllerUse: Readonly<Record<CgroupController, string>> = {
  memory: "Memory is limited per process and only roughly; a function can use more than it may",
  pids: "The number of processes is limited by the kernel's count per user instead",
  cpuset: "Functions keep to a processor by choice, and one that is busy is not left for one that is idle",
  cpu: "Functions share the processor by process, not by memory size",
  freeze: "Idle sandboxes cannot be frozen; background work goes on between calls",
};

function missingControllers(trees: readonly CgroupTree[]): Missing[] {
  const have = new Set(trees.flatMap((tree) => tree.controllers));
  return (["memory", "pids", "cpu", "cpuset", "freeze"] as const)
    .filter((controller) => !have.has(controller))
    .map((controller) => ({
      what:
        controller === "freeze" ? "There is no writable cgroup2 hierarchy" : `There is no writable ${controller} control group`,
      why: controllerUse[controller],
      fix: "Run the server as root, or in a systemd unit with `Delegate=yes` and `DelegateSubgroup=server`",
    }));
}
