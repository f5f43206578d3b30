/**
 * Connects to a socket that the program in a sandbox makes in a folder of ours. The program may put anything there at any
 * time, so nothing is used by its name: what was looked at through a descriptor is what is connected to.
 */
import { constants, type FSWatcher, watch } from "node:fs";
import { type FileHandle, lstat, open, readlink } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { PlatformError } from "../../model/error.ts";
import type { World } from "../../lib/world.ts";
import { untilAborted } from "../../lib/until-aborted.ts";

/** Linux: a descriptor that only names a file, without opening it (include/uapi/asm-generic/fcntl.h). */
const openPath = 0o10_000_000;
/** A program binds its socket a moment before it listens. */
const refusedRetryMs = 2;
/** In case the kernel's notice of a change gets lost. */
const lookAgainMs = 100;

/** Connections that are being made at a time: a program's queue of them is short. */
const connectingMax = 64;
const busyCodes: ReadonlySet<string> = new Set(["EAGAIN", "EMFILE", "ENFILE"]);
/** When there are more than the program takes. */
const busyRetryMs = 5;

/**
 * The way to the socket of one program. The first connection finds it; the next ones go to that same socket without looking again, as long
 * as the program listens there.
 */
export class UnixDialler {
  readonly #folder: string;
  readonly #name: string;
  readonly #world: World;
  #known: FileHandle | null = null;
  #connecting = 0;
  readonly #waiting: (() => void)[] = [];
  #closed = false;

  constructor(folder: string, name: string, world: World) {
    this.#folder = folder;
    this.#name = name;
    this.#world = world;
  }

  /** Waits until there is a socket; see `dialUnix`. `over` is aborted when the program has ended. */
  async connect(signal: AbortSignal, over: AbortSignal): Promise<Socket> {
    if (this.#connecting >= connectingMax) await this.#turn(signal);
    this.#connecting++;
    try {
      // A signal of two costs more than a connection, and what is known to be there need not be waited for.
      return (await this.#connectKnown(signal)) ?? (await this.#find(AbortSignal.any([signal, over])));
    } finally {
      this.#connecting--;
      this.#waiting.shift()?.();
    }
  }

  /** The program is gone. */
  close(): void {
    this.#closed = true;
    void this.#known?.close().catch(() => {});
    this.#known = null;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    try {
      await untilAborted(promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(resolve);
      if (at === -1) this.#waiting.shift()?.();
      else this.#waiting.splice(at, 1);
      throw error;
    }
  }

  /** Null: the socket is not known, or nobody listens there any more. */
  async #connectKnown(signal: AbortSignal): Promise<Socket | null> {
    for (;;) {
      const known = this.#known;
      if (known === null) return null;
      const socket = await connectTo(`/proc/self/fd/${known.fd}`);
      if (socket !== "busy") {
        if (socket === null) this.#forget(known);
        return taken(socket, signal);
      }
      await untilAborted(pause(this.#world, busyRetryMs), signal);
    }
  }

  #forget(known: FileHandle): void {
    if (this.#known !== known) return;
    this.#known = null;
    void known.close().catch(() => {});
  }

  async #find(signal: AbortSignal): Promise<Socket> {
    const keep = (handle: FileHandle) => {
      if (this.#known !== null || this.#closed) return false;
      this.#known = handle;
      return true;
    };
    return await dialUnix(this.#folder, this.#name, this.#world, signal, keep);
  }
}

/** Nobody wants the connection of somebody who is gone. */
function taken<T extends Socket | null>(socket: T, signal: AbortSignal): T {
  if (signal.aborted) socket?.destroy();
  signal.throwIfAborted();
  return socket;
}

/**
 * Waits until `folder/name` is a socket, or a link to one beside it, and connects. Rejects with `function_protocol` when it is
 * anything else, and with the signal's reason. `keep` is offered what the socket was looked at through, and says whether it takes it.
 */
async function dialUnix(folder: string, name: string, world: World, signal: AbortSignal, keep: Keep): Promise<Socket> {
  const place = await openFolder(folder, world, signal);
  try {
    const changes = new Changes(place.path, world);
    try {
      for (;;) {
        const socket = taken(await attempt(place.path, name, keep), signal);
        if (socket !== null) return socket;
        await untilAborted(changes.next(), signal);
      }
    } finally {
      changes.close();
    }
  } finally {
    await place.close();
  }
}

type Keep = (handle: FileHandle) => boolean;

/** A folder that stays the same one while it is held. */
interface Place {
  readonly path: string;
  close(): Promise<void>;
}

/** The folder of a program that just ended is gone; then the signal will tell. */
async function openFolder(folder: string, world: World, signal: AbortSignal): Promise<Place> {
  if (process.platform !== "linux") return { path: folder, close: async () => {} };
  for (;;) {
    try {
      const handle = await open(folder, openPath | constants.O_DIRECTORY);
      return { path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
    } catch {
      await untilAborted(pause(world, lookAgainMs), signal);
    }
  }
}

/** Null: not there yet. */
async function attempt(folder: string, name: string, keep: Keep): Promise<Socket | null> {
  const target = await resolveLink(folder, name);
  if (target === null) return null;
  if (process.platform !== "linux") return orNull(await connectTo(`${folder}/${target}`));
  const handle = await openOrNull(`${folder}/${target}`);
  if (handle === null) return null;
  let kept = false;
  try {
    if (!(await handle.stat()).isSocket()) throw refused(name, "is not a socket");
    const socket = orNull(await connectTo(`/proc/self/fd/${handle.fd}`));
    kept = socket !== null && keep(handle);
    return socket;
  } finally {
    if (!kept) await handle.close();
  }
}

const orNull = (socket: Socket | "busy" | null) => (socket === "busy" ? null : socket);

/** The name of the socket in the same folder: `name` itself or what it links to. */
async function resolveLink(folder: string, name: string): Promise<string | null> {
  try {
    const found = await lstat(`${folder}/${name}`);
    if (!found.isSymbolicLink()) return name;
    const target = await readlink(`${folder}/${name}`);
    const plain = target.startsWith("./") ? target.slice(2) : target;
    if (plain.includes("/") || plain === "" || plain === "." || plain === "..") throw refused(name, "links out of its folder");
    return plain;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function openOrNull(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, openPath | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Null: nobody listens. `busy`: more connections wait than the program wants to queue, or we have as many files open as we may. */
async function connectTo(path: string): Promise<Socket | "busy" | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket | "busy" | null>();
  const socket = connect(path);
  socket.once("connect", () => {
    socket.removeAllListeners("error");
    socket.on("error", () => {});
    resolve(socket);
  });
  socket.once("error", (error: NodeJS.ErrnoException) => {
    if (busyCodes.has(error.code ?? "")) resolve("busy");
    else if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(null);
    else reject(refused(path, "cannot be connected to", error));
  });
  return await promise;
}

function refused(name: string, why: string, cause?: unknown): PlatformError {
  return new PlatformError("function_protocol", `The socket ${name} of the function ${why}`, { cause });
}

/** Tells when to look again. */
class Changes {
  readonly #world: World;
  readonly #watcher: FSWatcher;
  #changed = false;
  #wake: (() => void) | null = null;
  #waits = 0;

  constructor(folder: string, world: World) {
    this.#world = world;
    this.#watcher = watch(folder, () => {
      this.#changed = true;
      this.#wake?.();
    });
    this.#watcher.on("error", () => {});
  }

  async next(): Promise<void> {
    if (!this.#changed) {
      // Soon at first, for a socket that is there but does not listen yet.
      this.#waits += 1;
      const callOff = this.#world.after(this.#waits < 10 ? refusedRetryMs * this.#waits : lookAgainMs, () => this.#wake?.());
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      callOff();
    }
    this.#changed = false;
  }

  close(): void {
    this.#watcher.close();
  }
}

async function pause(world: World, ms: number): Promise<void> {
  await new Promise<void>((resolve) => world.after(ms, resolve));
}
