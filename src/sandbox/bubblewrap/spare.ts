/** A sandbox that waits to be told what to run, and from then on the running one. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { Outlet } from "../egress/egress.ts";
import { removeFolder } from "../spawner/folder.ts";
import type { Launched } from "../spawner/launcher.ts";
import { channelDescriptor, type Isolation } from "../spawner/messages.ts";
import type { PipePool, PipeSet } from "../spawner/pipes.ts";
import type { Cgroup, CgroupParent } from "./cgroup.ts";
import { type LaunchInput, launchInput, lifeScript, networkScript, unprivilegedScript, argumentsInput } from "./launch.ts";
import { type HostPrograms, launchSteps, type Preparation, preparationSteps } from "./privileged.ts";
import { type Step, stepsOrder } from "./steps.ts";

/** What all sandboxes of a spawner share. */
export interface SpareShop {
  readonly world: World;
  readonly pipes: PipePool;
  readonly isolation: Isolation;
  readonly cgroups: CgroupParent;
  readonly runFolder: string;
  readonly filterFile: string;
  /** The program of `steps.ts` that takes orders from descriptor 3. */
  readonly stepsFile: string;
  readonly programs: HostPrograms;
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
  readonly #shop: SpareShop;
  /** Null without root, where a shell does it. */
  readonly #preparation: Preparation | null;
  readonly #child: ChildProcess;
  readonly #input: Socket;
  readonly #pipes: PipeSet;
  readonly #giveBack: () => void;
  /** Folders in /proc of what was killed. */
  #inner: readonly string[] = [];
  #broken = false;

  constructor(shop: SpareShop, number: number, tmp: Tmp, outlet: Outlet | null, giveBack: () => void) {
    this.#shop = shop;
    this.#giveBack = giveBack;
    this.cgroup = shop.cgroups.make(String(number));
    this.#pipes = shop.pipes.take();
    this.outlet = outlet;
    this.#preparation = shop.isolation.privileged ? preparationOf(shop, number, tmp, outlet, this.cgroup.processFiles) : null;
    const [command, ...args] = this.#preparation === null ? shell(shop, outlet, this.cgroup.processFiles) : [shop.stepsFile];
    this.#child = spawn(command as string, args, { cwd: "/", stdio: [...this.#pipes.childEnds, "pipe", channelDescriptor] });
    this.#pipes.started();
    this.#input = this.#child.stdio[3] as Socket;
    this.#input.on("error", () => {});
    if (this.#preparation !== null) this.#input.write(orderOf(preparationSteps(shop.programs, this.#preparation)));
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

  /** Throws `internal` for a command that no program can be given. */
  run(input: LaunchInput): void {
    this.#input.end(this.#preparation === null ? launchInput(input) : this.#steps(this.#preparation, input));
  }

  /** Ends one that will not be used. */
  async discard(): Promise<void> {
    this.#kill();
    if (this.pid > 0 && !this.broken) await new Promise((resolve) => this.#child.once("exit", resolve));
    await this.#free();
  }

  /** Writes to the STDIN of what runs in it, before anybody else does. */
  tell(bytes: Buffer): void {
    const { stdin } = this.#pipes;
    // Its end is heard of otherwise.
    stdin.on("error", () => stdin.destroy());
    stdin.write(bytes);
  }

  /** `folders` go with it. */
  launched(socketFolder: string | null, folders: readonly string[], finished: boolean): Launched {
    return {
      child: this.#child,
      pipes: this.#pipes,
      reply: { pid: this.pid, finished, ...this.cgroup.files, socketFolder },
      restrict: async ({ egress, platform }) => await this.outlet?.restrict(egress, platform),
      kill: () => this.#kill(),
      outOfMemory: () => this.cgroup.outOfMemory(),
      free: async () => {
        for (const folder of folders) removeFolder(folder);
        await this.#free();
      },
    };
  }

  #steps(preparation: Preparation, input: LaunchInput): Buffer {
    const { filterFile, programs } = this.#shop;
    const order = orderOf(launchSteps(programs, preparation, { ...input, filterFile }));
    return Buffer.concat([order, argumentsInput(input.bwrapArguments)]);
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
    const giveUpAt = this.#shop.world.monotonic() + goneMsMax;
    for (let waitMs = 1; !this.cgroup.remove(); waitMs = Math.min(50, waitMs * 2)) {
      if (this.#shop.world.monotonic() > giveUpAt) return;
      await this.#sleep(waitMs);
    }
    await this.#namespaceGone(giveUpAt);
    // Only now: a process that was left would share its user with the next sandbox.
    this.#giveBack();
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.#shop.world.after(ms, resolve));
  }

  async #namespaceGone(giveUpAt: number): Promise<void> {
    for (const file of this.#inner) {
      while (isAlive(file) && this.#shop.world.monotonic() < giveUpAt) await this.#sleep(1);
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

function preparationOf(
  { isolation, runFolder }: SpareShop,
  number: number,
  tmp: Tmp,
  outlet: Outlet | null,
  processFiles: readonly string[],
): Preparation {
  const network = outlet?.commands ?? null;
  return { uid: isolation.uidFirst + number, tmpFolder: `${runFolder}/tmp`, tmp, processFiles, network };
}

function orderOf(steps: readonly Step[]): Buffer {
  const order = stepsOrder(steps);
  if (order === null) throw new PlatformError("internal", "The command of a sandbox is too long");
  return order;
}

function shell(shop: SpareShop, outlet: Outlet | null, processFiles: readonly string[]): readonly string[] {
  const program = ["sh", "-c", unprivilegedScript, "kiln", shop.filterFile, ...processFiles];
  return ["sh", "-c", lifeScript, "kiln", ...userNetwork(outlet), ...nobody, ...program];
}

/** The network belongs to the user namespace in which the server's user is root. */
function userNetwork(outlet: Outlet | null): readonly string[] {
  if (outlet === null) return [];
  return [...outlet.enter, "unshare", "--net", "sh", "-c", networkScript, "kiln", outlet.commands];
}
