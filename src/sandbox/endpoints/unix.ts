/**
 * Connects to a socket that the program in a sandbox makes in a folder of ours. The program may put anything there at any
 * time, so nothing is used by its name: what was looked at through a descriptor is what is connected to.
 */
import { constants, type FSWatcher, watch } from "node:fs";
import { type FileHandle, lstat, open, readlink } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { PlatformError } from "../../model/error.ts";
import type { World } from "../../lib/world.ts";
import { untilAborted } from "./until-aborted.ts";

/** Linux: a descriptor that only names a file, without opening it (include/uapi/asm-generic/fcntl.h). */
const openPath = 0o10_000_000;
/** A program binds its socket a moment before it listens. */
const refusedRetryMs = 2;
/** In case the kernel's notice of a change gets lost. */
const lookAgainMs = 100;

/**
 * Waits until `folder/name` is a socket, or a link to one beside it, and connects. Rejects with `function_protocol` when it is
 * anything else, and with the signal's reason.
 */
export async function dialUnix(folder: string, name: string, world: World, signal: AbortSignal): Promise<Socket> {
  const place = await openFolder(folder, world, signal);
  try {
    const changes = new Changes(place.path, world);
    try {
      for (;;) {
        const socket = await attempt(place.path, name);
        if (signal.aborted) socket?.destroy();
        signal.throwIfAborted();
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
async function attempt(folder: string, name: string): Promise<Socket | null> {
  const target = await resolveLink(folder, name);
  if (target === null) return null;
  if (process.platform !== "linux") return await connectTo(`${folder}/${target}`);
  const handle = await openOrNull(`${folder}/${target}`);
  if (handle === null) return null;
  try {
    if (!(await handle.stat()).isSocket()) throw refused(name, "is not a socket");
    return await connectTo(`/proc/self/fd/${handle.fd}`);
  } finally {
    await handle.close();
  }
}

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

async function connectTo(path: string): Promise<Socket | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket | null>();
  const socket = connect(path);
  socket.once("connect", () => {
    socket.removeAllListeners("error");
    socket.on("error", () => {});
    resolve(socket);
  });
  socket.once("error", (error: NodeJS.ErrnoException) => {
    // EAGAIN: more connections wait than the program wants to queue.
    if (error.code === "ECONNREFUSED" || error.code === "EAGAIN" || error.code === "ENOENT") resolve(null);
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
