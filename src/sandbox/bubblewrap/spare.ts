/** A sandbox that waits to be told what to run, and from then on the running one. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { Outlet } from "../egress/egress.ts";
import { removeFolder } from "../spawner/folder.ts";
import type { Launched } from "../spawner/launcher.ts";
import type { Isolation } from "../spawner/messages.ts";
import type { PipePool, PipeSet } from "../spawner/pipes.ts";
import type { Cgroup, CgroupParent } from "./cgroup.ts";
import { lifeScript, networkScript, privilegedScript, unprivilegedScript } from "./launch.ts";

/** What all sandboxes of a spawner share. */
export interface SpareShop {
  readonly world: World;
  readonly pipes: PipePool;
  readonly isolation: Isolation;
  readonly cgroups: CgroupParent;
  readonly runFolder: string;
  readonly filterFile: string;
}

/** What is mounted as /tmp. */
export interface Tmp {
  readonly bytes: number;
  readonly files: number;
}

/** How long the kernel may take to end what was killed; a process in an uninterruptible wait takes longer. */
const goneMsMax = 10_000;

/**
 * Without root: a user namespace in which the server's user is somebody and has no rights, whoever he is above, since bwrap refuses to
 * map a root; and a process namespace that ends with the process that is our child.
 */
const nobody = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--pid", "--fork", "--kill-child=KILL"];

/** Its number gives it its user and the name of its control groups, until nothing of it is left. */
export class Spare {
  /** Rejects with `internal` when it could not be prepared. */
  readonly ready: Promise<void>;
  readonly cgroup: Cgroup;
  /** Null: it has no network but loopback. */
  readonly outlet: Outlet | null;
  readonly #world: World;
  readonly #child: ChildProcess;
  readonly #input: Socket;
  readonly #pipes: PipeSet;
  readonly #giveBack: () => void;
  /** Folders in /proc of what was killed. */
  #inner: readonly string[] = [];
  #broken = false;

  constructor(shop: SpareShop, number: number, tmp: Tmp, outlet: Outlet | null, giveBack: () => void) {
    this.#world = shop.world;
    this.#giveBack = giveBack;
    this.cgroup = shop.cgroups.make(String(number));
    this.#pipes = shop.pipes.take();
    this.outlet = outlet;
    const [command, ...args] = commandLine(shop, number, tmp, outlet, this.cgroup.processFiles);
    this.#child = spawn(command as string, args, { cwd: "/", stdio: [...this.#pipes.childEnds, "pipe"] });
    this.#pipes.started();
    this.#input = this.#child.stdio[3] as Socket;
    this.#input.on("error", () => {});
    this.ready = this.#prepared().then(() => outlet?.attach());
    this.ready.catch(() => {
      this.#broken = true;
    });
    this.#child.on("error", () => this.#input.destroy());
  }

  get broken(): boolean {
    return this.#broken || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  run(input: Buffer): void {
    this.#input.end(input);
  }

  /** Ends one that will not be used. */
  async discard(): Promise<void> {
    this.#kill();
    if (this.pid > 0 && !this.broken) await new Promise((resolve) => this.#child.once("exit", resolve));
    await this.#free();
  }

  launched(socketFolder: string | null, folder: string): Launched {
    return {
      child: this.#child,
      pipes: this.#pipes,
      reply: { pid: this.pid, ...this.cgroup.files, socketFolder },
      kill: () => this.#kill(),
      outOfMemory: () => this.cgroup.outOfMemory(),
      free: async () => {
        removeFolder(folder);
        await this.#free();
      },
    };
  }

  async #prepared(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#input.once("data", () => resolve());
      this.#input.once("close", () => reject(new PlatformError("internal", `It could not be prepared: ${this.#complaint()}`)));
    });
  }

  #complaint(): string {
    const text: Buffer | null = this.#pipes.stderr.read() as Buffer | null;
    return text?.toString().trim().slice(0, 500) || `status ${this.#child.exitCode ?? this.#child.signalCode ?? "unknown"}`;
  }

  /** The group first: it ends what is frozen too. bwrap's death is the end of its process namespace. */
  #kill(): void {
    this.cgroup.kill();
    if (this.broken) return;
    // Where no group tells when the last process is gone, the first one of the namespace does: it is the last to go.
    if (this.cgroup.processFiles.length === 0) this.#inner = innerProcesses(this.pid);
    this.#child.kill("SIGKILL");
  }

  async #free(): Promise<void> {
    this.#input.destroy();
    this.#pipes.release();
    this.outlet?.release();
    const giveUpAt = this.#world.monotonic() + goneMsMax;
    for (let waitMs = 1; !this.cgroup.remove(); waitMs = Math.min(50, waitMs * 2)) {
      if (this.#world.monotonic() > giveUpAt) return;
      await this.#sleep(waitMs);
    }
    await this.#namespaceGone(giveUpAt);
    // Only now: a process that was left would share its user with the next sandbox.
    this.#giveBack();
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.#world.after(ms, resolve));
  }

  async #namespaceGone(giveUpAt: number): Promise<void> {
    for (const file of this.#inner) {
      while (isAlive(file) && this.#world.monotonic() < giveUpAt) await this.#sleep(1);
    }
  }
}

/** What is dead and waits to be collected by the machine's first process, which may take its time, is as good as gone. */
function isAlive(folder: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`${folder}/status`, "utf8"));
  } catch {
    return false;
  }
}

function innerProcesses(pid: number): string[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    return children.map((child) => `/proc/${child}`);
  } catch {
    return [];
  }
}

function commandLine(
  shop: SpareShop,
  number: number,
  tmp: Tmp,
  outlet: Outlet | null,
  processFiles: readonly string[],
): readonly string[] {
  if (!shop.isolation.privileged) {
    const program = ["sh", "-c", unprivilegedScript, "kiln", shop.filterFile, ...processFiles];
    return ["sh", "-c", lifeScript, "kiln", ...userNetwork(outlet), ...nobody, ...program];
  }
  const uid = String(shop.isolation.uidFirst + number);
  const network = outlet?.commands ?? "";
  const values = [uid, `${shop.runFolder}/tmp`, String(tmp.bytes), String(tmp.files), shop.filterFile, network];
  const namespaces = ["--mount", ...(outlet === null ? [] : ["--net"]), "--propagation", "slave"];
  return ["unshare", ...namespaces, "sh", "-c", privilegedScript, "kiln", ...values, ...processFiles];
}

/** The network belongs to the user namespace in which the server's user is root. */
function userNetwork(outlet: Outlet | null): readonly string[] {
  if (outlet === null) return [];
  return [...outlet.enter, "unshare", "--net", "sh", "-c", networkScript, "kiln", outlet.commands];
}
