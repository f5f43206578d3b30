/** How a sandbox is made by root, in steps (`steps.ts`): first what can be done before it is known what is to run, then the rest. */
import { readFileSync } from "node:fs";
import type { SandboxLimits } from "../sandbox.ts";
import { channelDescriptor } from "../spawner/messages.ts";
import type { Tmp } from "./spare.ts";
import type { Step } from "./steps.ts";

/** Programs of the host by their full paths, and what there is besides. */
export interface HostPrograms {
  readonly ip: string;
  readonly bwrap: string;
  /** As `NAME=value`. */
  readonly env: readonly string[];
  /** The highest number of a right that this kernel knows. */
  readonly lastCapability: number;
}

/** `find`: gives the full path of a program. */
export function hostPrograms(find: (name: string) => string | null, path: string): HostPrograms {
  const lastCapability = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "latin1"));
  return { ip: find("ip") ?? "ip", bwrap: find("bwrap") ?? "bwrap", env: [`PATH=${path}`], lastCapability };
}

/** What is prepared. */
export interface Preparation {
  readonly uid: number;
  /** Where /tmp is mounted, with `tmp`, `shm` and `io` in it. */
  readonly tmpFolder: string;
  readonly tmp: Tmp;
  /** It is inside once it has written to these. */
  readonly processFiles: readonly string[];
  /** What `ip` is to do in a network namespace of its own; null: there is none. */
  readonly network: string | null;
}

// include/uapi/linux/{sched,mount,prctl,capability,resource,fcntl}.h
const newMounts = 0x2_0000;
const newNetwork = 0x4000_0000;
const [noSetuid, noDevices, remount, recursive, slave] = [2, 4, 32, 0x4000, 0x8_0000];
const dropFromBounding = 24;
const noNewPrivileges = 38;
const [ambient, clearAll] = [47, 4];
const [fileSizeLimit, coreLimit, openFilesLimit] = [1, 4, 7];
const [readOnly, writeOnly, closeOnExec] = [0, 1, 0o2_000_000];

/** The link to the spawner; what is opened next gets the number after the channel's. */
const linkDescriptor = 3;
const nextDescriptor = channelDescriptor + 1;
const filterDescriptor = 9;

/** Says `ready` on the link at the end. */
export function preparationSteps(programs: HostPrograms, { uid, tmpFolder, tmp, processFiles, network }: Preparation): Step[] {
  const folder = (name: string, mode: number): Step => ({
    call: "mkdir",
    args: [`${tmpFolder}/${name}`, mode],
    complaint: `mkdir ${name}`,
  });
  const options = `size=${tmp.bytes},nr_inodes=${tmp.files},mode=0755`;
  return [
    { call: "unshare", args: [newMounts | (network === null ? 0 : newNetwork)], complaint: "It gets no namespaces of its own" },
    { call: "mount", args: ["none", "/", 0, recursive | slave, 0], complaint: "Its mounts are not its own" },
    ...processFiles.flatMap(joinGroup),
    { call: "mount", args: ["kiln", tmpFolder, "tmpfs", noSetuid | noDevices, options], complaint: "/tmp cannot be mounted" },
    { call: "umask", args: [0], result: "any", complaint: "" },
    folder("tmp", 0o1777),
    folder("shm", 0o1777),
    folder("io", 0o700),
    { call: "chown", args: [`${tmpFolder}/io`, uid, uid], complaint: "chown io" },
    { call: "umask", args: [0o022], result: "any", complaint: "" },
    ...(network === null ? [] : networkSteps(programs, network)),
    { call: "write", args: [linkDescriptor, "ready\n", 6], result: 6, complaint: "The spawner is gone" },
  ];
}

function joinGroup(file: string): Step[] {
  const complaint = `It cannot join the control group of ${file}`;
  return [
    { call: "open", args: [file, writeOnly | closeOnExec], result: nextDescriptor, complaint },
    { call: "write", args: [nextDescriptor, "0", 1], result: 1, complaint },
    { call: "close", args: [nextDescriptor], complaint },
  ];
}

/** `ip` reads from a pipe that has all of it. */
function networkSteps({ ip, env }: HostPrograms, commands: string): Step[] {
  const complaint = "Its network cannot be set up";
  const text = Buffer.from(`${commands}\n`);
  const status = Buffer.alloc(4);
  const [source, sink] = [nextDescriptor, nextDescriptor + 1];
  return [
    { call: "pipe2", args: [Buffer.alloc(8), closeOnExec], complaint },
    { call: "write", args: [sink, text, text.length], result: text.length, complaint },
    { call: "close", args: [sink], complaint },
    { call: "vfork", args: [], skip: 2, complaint },
    { call: "dup2", args: [source, 0], complaint },
    { call: "execve", args: [ip, [ip, "-batch", "-"], env], complaint: `The program ${ip} could not be started` },
    { call: "close", args: [source], complaint },
    { call: "wait4", args: [-1, status, 0, 0], complaint },
    { call: "look", args: [status], result: 0, complaint },
  ];
}

/** What is to be run, after preparation. bwrap reads its arguments from the link. */
export interface PrivilegedLaunch {
  readonly limits: SandboxLimits;
  /** The processors that it is kept to; null: it need not be. */
  readonly cores: readonly number[] | null;
  readonly filterFile: string;
  readonly command: readonly string[];
  /** The command is ours, and takes the server's channel (`own-port.ts`). */
  readonly keepsChannel: boolean;
}

/** Whatever was prepared becomes bwrap without any right, as a user of its own. */
export function launchSteps(programs: HostPrograms, prepared: Preparation, launch: PrivilegedLaunch): Step[] {
  const { bwrap, env } = programs;
  const { limits, cores, filterFile, command, keepsChannel } = launch;
  const bytes = limits.tmpMiB * 1024 * 1024;
  const { uid, tmpFolder, tmp } = prepared;
  const options = `size=${bytes},nr_inodes=${limits.tmpFilesMax}`;
  const isSame = tmp.bytes === bytes && tmp.files === limits.tmpFilesMax;
  const resize: Step = {
    call: "mount",
    args: ["kiln", tmpFolder, "tmpfs", remount | noSetuid | noDevices, options],
    complaint: "/tmp cannot be resized",
  };
  const arguments_ = [bwrap, "--args", String(linkDescriptor), "--seccomp", String(filterDescriptor), "--", ...command];
  return [
    ...(isSame ? [] : [resize]),
    limit(coreLimit, 0),
    // Where the kernel allows fewer it is as many as that.
    { ...limit(openFilesLimit, limits.openFilesMax), result: "any" },
    // Twice as much as fits into /tmp, so that a full /tmp is told as such.
    limit(fileSizeLimit, bytes * 2),
    ...(cores === null ? [] : [keepOn(cores)]),
    { call: "open", args: [filterFile, readOnly], result: nextDescriptor, complaint: "There is no filter" },
    { call: "dup2", args: [nextDescriptor, filterDescriptor], result: filterDescriptor, complaint: "dup2" },
    { call: "close", args: [nextDescriptor], complaint: "close" },
    ...(keepsChannel ? [] : [{ call: "close", args: [channelDescriptor], complaint: "close" } as const]),
    ...withoutRights(uid, programs.lastCapability),
    { call: "execve", args: [bwrap, arguments_, env], complaint: `The program ${bwrap} could not be started` },
  ];
}

function limit(resource: number, value: number): Step {
  const both = Buffer.alloc(16);
  for (const at of [0, 8]) both.writeBigUInt64LE(BigInt(value), at);
  return { call: "setrlimit", args: [resource, both], complaint: `The limit ${resource} cannot be set` };
}

function keepOn(cores: readonly number[]): Step {
  const mask = Buffer.alloc(128);
  for (const core of cores) mask[core >> 3] = (mask[core >> 3] ?? 0) | (1 << (core & 7));
  return {
    call: "sched_setaffinity",
    args: [0, mask.length, mask],
    complaint: `It cannot run on the processors ${cores.join()}`,
  };
}

/** Capabilities are kept by nobody: not by the user, not by programs that he starts, whatever their files say. */
function withoutRights(uid: number, last: number): Step[] {
  const complaint = "Its rights cannot be given up";
  const version = Buffer.alloc(8);
  version.writeUInt32LE(0x2008_0522, 0);
  return [
    { call: "prctl", args: [ambient, clearAll, 0, 0, 0], complaint },
    ...Array.from(
      { length: last + 1 },
      (_, right): Step => ({ call: "prctl", args: [dropFromBounding, right, 0, 0, 0], complaint }),
    ),
    { call: "setgroups", args: [0, 0], complaint },
    { call: "setresgid", args: [uid, uid, uid], complaint },
    { call: "setresuid", args: [uid, uid, uid], complaint },
    { call: "capset", args: [version, Buffer.alloc(24)], complaint },
    { call: "prctl", args: [noNewPrivileges, 1, 0, 0, 0], complaint },
  ];
}
