/** What a container is made with: everything that an image could do and a function must not, taken away. */
import { functionUser } from "../../oci/user.ts";
import { cpuWeightOf, functionFolder, type SandboxSpec } from "../sandbox.ts";
import { weightText } from "../spawner/cpu-weight.ts";
import { callbackSocket } from "../spawner/messages.ts";
import { platformFolder } from "../bubblewrap/mounts.ts";
import { gateway } from "../egress/addresses.ts";
import { platformVariables } from "../egress/egress.ts";
import { loopbackAddress } from "../endpoints/arrivals.ts";
import type { ContainerConfig } from "./engine.ts";
import type { Place } from "./places.ts";
import { seccompProfile } from "./seccomp.ts";

/** The least that the engine allows. */
const memoryMiBMin = 6;

const mebibyte = 1024 * 1024;

/** What is the same for all containers of a server. */
export interface ContainerSettings {
  /** Docker's network of functions that may use the internet; `none`: they have none of Docker's. */
  readonly network: string;
  /** The engine has a program that collects dead processes. */
  readonly hasInit: boolean;
}

/** What it runs. */
export interface ContainerProgram {
  readonly command: readonly string[];
  /** It begins to be the function's when it is told on STDIN: it has no network of Docker's, and gets ours before. */
  readonly waits: boolean;
}

/** `image`: its id. `labels`: whose it is. */
export function containerConfig(
  spec: SandboxSpec,
  image: string,
  { command, waits }: ContainerProgram,
  place: Place,
  labels: Readonly<Record<string, string>>,
  settings: ContainerSettings,
): ContainerConfig {
  const hasStdin = spec.endpoint.via === "stdio" || waits;
  const { uid, gid } = spec.user ?? functionUser;
  const workingFolder = spec.workingFolder ?? (spec.code === null ? null : (spec.codePlace ?? functionFolder));
  return {
    Image: image,
    Entrypoint: command.slice(0, 1),
    Cmd: command.slice(1),
    Env: variables(spec),
    // With both, groups of the image's own are not looked up.
    User: `${uid}:${gid}`,
    Hostname: "function",
    Labels: labels,
    ...(workingFolder === null ? {} : { WorkingDir: workingFolder }),
    AttachStdout: true,
    AttachStderr: true,
    AttachStdin: hasStdin,
    OpenStdin: hasStdin,
    StdinOnce: hasStdin,
    // What an image says of its health is a program that would run in the sandbox.
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      ...limits(spec),
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges", ...(process.arch === "x64" ? [`seccomp=${seccompProfile()}`] : [])],
      Privileged: false,
      Init: settings.hasInit,
      NetworkMode: !waits && spec.egress.includes("internet") ? settings.network : "none",
      // The engine would let programs send ICMP, and names be asked of the machine's resolvers, which are out of reach.
      ...(waits ? { Dns: [gateway], Sysctls: { "net.ipv4.ping_group_range": "1 0" } } : {}),
      ...(spec.localNames === undefined ? {} : { ExtraHosts: spec.localNames.map((name) => `${name}:127.0.0.1`) }),
      IpcMode: "private",
      CgroupnsMode: "private",
      LogConfig: { Type: "none" },
      RestartPolicy: { Name: "no" },
      Mounts: place.mounts,
    },
  };
}

/** Memory counts with swap, so there is none; what is written to /tmp (`places.ts`) and /dev/shm counts too. */
function limits({ limits: { memoryMiB, cpuWeight, cores, processesMax, openFilesMax, tmpMiB } }: SandboxSpec) {
  const memory = Math.max(memoryMiB, memoryMiBMin) * mebibyte;
  return {
    Memory: memory,
    MemorySwap: memory,
    CpuShares: Number(weightText(1, cpuWeight ?? cpuWeightOf(memoryMiB))),
    ...(cores === undefined ? {} : { CpusetCpus: cores.join(",") }),
    PidsLimit: processesMax + 1,
    Ulimits: [
      { Name: "nofile", Soft: openFilesMax, Hard: openFilesMax },
      { Name: "core", Soft: 0, Hard: 0 },
      { Name: "memlock", Soft: 65_536, Hard: 65_536 },
    ],
    ShmSize: tmpMiB * mebibyte,
  };
}

/** A name without a value takes away what the engine would add. */
function variables({ env, endpoint, egress, workingFolder }: SandboxSpec): string[] {
  const own: Record<string, string> = {
    ...platformVariables(egress),
    HOME: "/tmp",
    ...(workingFolder === undefined ? {} : { PWD: workingFolder }),
    ...(endpoint.via === "tcp" ? { PORT: String(endpoint.port) } : {}),
    ...env,
    ...(endpoint.via === "loopback" ? { [endpoint.variable]: loopbackAddress } : {}),
    ...(endpoint.via === "callback" ? { KILN_SOCKET: `${platformFolder}/${callbackSocket}` } : {}),
  };
  return [...Object.entries(own).map(([name, value]) => `${name}=${value}`), ...("HOSTNAME" in own ? [] : ["HOSTNAME"])];
}
