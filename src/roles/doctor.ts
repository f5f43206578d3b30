import { mkdirSync, readFileSync, statfsSync } from "node:fs";
import { release } from "node:os";
import type { Config } from "../config/config.ts";
import { realWorld } from "../lib/world.ts";
import { type Capabilities, inspect } from "../sandbox/bubblewrap/capabilities.ts";
import type { NetworkWay } from "../sandbox/egress/egress.ts";

/** One thing that was looked at; what is missing says what is worse without it, and its fix. */
interface Check {
  readonly name: string;
  readonly state: "ok" | "warning" | "failed";
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
}

const freeMiBMin = 1024;
/** Enough for 10,000 calls at a time, each with two connections. */
const openFilesWanted = 24_576;

/** Says what this machine has for sandboxes and what is missing, each with its fix. Exits 1 when no sandbox can be started. */
export async function doctor(config: Config, { json }: { readonly json: boolean }): Promise<number> {
  const capabilities = inspect();
  const { usable, missing } = capabilities;
  const checks = [...found(capabilities), ...missingChecks(capabilities), diskCheck(config.data), clockCheck(), filesCheck()];
  if (json) {
    const lacks = missing.map(({ what, why, fix }) => ({ what, why, fix }));
    process.stdout.write(`${JSON.stringify({ usable, data: config.data, cache: config.cache, missing: lacks, checks })}\n`);
  } else {
    process.stdout.write(`${usable ? "Sandboxes by bubblewrap work here." : "No sandbox by bubblewrap can be started here."}\n`);
    const lacks = checks.filter(({ state }) => state !== "ok");
    for (const { what, why, fix } of lacks) process.stdout.write(`- ${what}\n  ${why}\n  Fix: ${fix}\n`);
    if (lacks.length === 0) process.stdout.write("Nothing is missing.\n");
  }
  return usable ? 0 : 1;
}

function found({ usable, isolation }: Capabilities): Check[] {
  const rights = isolation.privileged ? "root: sandboxes get users of their own" : "user namespaces, without root";
  const controllers = [...new Set(isolation.cgroups.flatMap((tree) => tree.controllers))];
  return [
    { name: "kernel", state: "ok", what: `${process.platform} ${release()} on ${process.arch}` },
    ...(usable ? [{ name: "sandbox", state: "ok", what: `bubblewrap works, as ${rights}` } as const] : []),
    ...(isolation.network === null ? [] : [{ name: "network", state: "ok", what: networkText(isolation.network) } as const]),
    ...(controllers.length > 0 ? [{ name: "cgroups", state: "ok", what: `limits by ${controllers.join(", ")}` } as const] : []),
  ];
}

function networkText(way: NetworkWay): string {
  return `functions get networks, guarded by nftables${way === "root" ? "" : `, through ${way}`}`;
}

function missingChecks({ usable, missing }: Capabilities): Check[] {
  return missing.map(({ what, why, fix }) => ({ name: "sandbox", state: usable ? "warning" : "failed", what, why, fix }));
}

function diskCheck(folder: string): Check {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = statfsSync(folder);
    const freeMiB = Math.floor((bavail * bsize) / 1024 / 1024);
    if (freeMiB >= freeMiBMin) return { name: "disk", state: "ok", what: `${freeMiB} MiB are free for ${folder}` };
    const what = `Only ${freeMiB} MiB are free for ${folder}`;
    return {
      name: "disk",
      state: "warning",
      what,
      why: "New work is refused when it is full.",
      fix: "make room, or name another folder with --data",
    };
  } catch (error) {
    const why = (error as Error).message;
    return {
      name: "disk",
      state: "failed",
      what: `The data folder ${folder} cannot be used`,
      why,
      fix: "name another with --data or POLYKILN_DATA",
    };
  }
}

/** A clock that was never set makes ids and records that sort wrong for ever. */
function clockCheck(): Check {
  const now = new Date(realWorld().now());
  if (now.getUTCFullYear() >= 2025) return { name: "clock", state: "ok", what: now.toISOString() };
  return {
    name: "clock",
    state: "failed",
    what: `The clock says ${now.toISOString()}`,
    why: "Records would sort wrong for ever.",
    fix: "set it: timedatectl set-ntp true",
  };
}

/** Each connection is an open file. Node raises its own limit to the one that its starter allows. */
function filesCheck(): Check {
  const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  if (soft === undefined || Number(soft) >= openFilesWanted)
    return { name: "files", state: "ok", what: `${soft ?? "any number of"} open files` };
  return {
    name: "files",
    state: "warning",
    what: `The server may have ${soft} files open`,
    why: "Each connection of a client is one, and each to a function that is called over HTTP: beyond, calls wait or are refused.",
    fix: `ulimit -Hn ${openFilesWanted} before the start, or LimitNOFILE=${openFilesWanted} in its unit`,
  };
}
