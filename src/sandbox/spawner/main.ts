/**
 * The process that forks for all drivers of a server. It is started once, speaks the frames of `messages.ts` on descriptor 3,
 * and outlives the server only to kill what the server left: when the link closes, everything ends and is removed.
 */
import { closeSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { realWorld } from "../../lib/world.ts";
import { frameType, textFrame } from "../../wire/frames.ts";
import type { Network } from "../egress/egress.ts";
import type { Launcher } from "./launcher.ts";
import { channelDescriptor, linkDescriptor, type Notice, type SpawnerSettings } from "./messages.ts";
import { PipePool } from "./pipes.ts";
import { serve } from "./serve.ts";
import { readState } from "./state.ts";

const settings = JSON.parse(process.argv[2] as string) as SpawnerSettings;

closeInherited();

// The server decides when it is over. A terminal or a service manager signals both, and the server may still be draining.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

// Cleaning up takes timers that keep nothing alive, after the link has closed.
setInterval(() => {}, 60_000);

const link = new Socket({ fd: linkDescriptor });
const launcher = await makeLauncher();
await serve(link, launcher);
await launcher.close();
rmSync(settings.runFolder, { recursive: true, force: true, maxRetries: 3 });
if (settings.placesFolder !== null) rmSync(settings.placesFolder, { recursive: true, force: true, maxRetries: 3 });
// A new server may have put its own there by now.
if (settings.stateFile !== null && readState(settings.stateFile)?.instance === settings.instance) rmSync(settings.stateFile);
process.exit(0);

async function makeLauncher(): Promise<Launcher> {
  const pipes = new PipePool(`${settings.runFolder}/pipes`);
  if (settings.technology === "process") {
    const { ProcessLauncher } = await import("../process/launcher.ts");
    return new ProcessLauncher(pipes, settings.path);
  }
  const { BubblewrapLauncher } = await import("../bubblewrap/launcher.ts");
  return new BubblewrapLauncher(settings, pipes, realWorld(), openNetwork());
}

/** A machine on which it cannot be set up runs functions all the same, without a network. */
async function openNetwork(): Promise<Network | null> {
  const { egress, instance, runFolder, path, isolation } = settings;
  const way = isolation?.network ?? null;
  if (egress === null || way === null) return null;
  const network = await import("../egress/network.ts");
  try {
    return await network.openNetwork({
      way,
      world: realWorld(),
      instance,
      runFolder,
      path,
      settings: egress,
      hindered: (sentence, reason) => tell({ warning: { sentence, reason } }),
      refused: (refusedCount) => tell({ refusedCount }),
      // All sandboxes have lost their network. The driver starts another spawner, and sandboxes with one.
      broken: () => link.destroy(),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    tell({ warning: { sentence: "Functions can connect to nothing: the network for sandboxes could not be set up", reason } });
    return null;
  }
}

function tell(notice: Notice): void {
  if (!link.destroyed) link.write(textFrame(frameType.notice, 0, JSON.stringify(notice)));
}

/**
 * Whoever started the server may have left descriptors open in it, and children inherit them. Node's own are marked to be
 * closed when a program starts (flag O_CLOEXEC); what is not marked is foreign.
 */
function closeInherited(): void {
  if (!existsSync("/proc/self/fdinfo")) return;
  const last = settings.isolation === null ? linkDescriptor : channelDescriptor;
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd > last && isInherited(fd)) closeSync(fd);
  }
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & 0o2_000_000) === 0;
  } catch {
    // The descriptor of the listing itself.
    return false;
  }
}
