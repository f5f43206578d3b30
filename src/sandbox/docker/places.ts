/**
 * What of this machine a container sees besides its image, and where its sockets are. The place of the socket that a function makes is the
 * one that it may write to besides /tmp: a small file system in memory, made by the engine with the container, where this process can see
 * the engine's folders. Elsewhere it is a folder of ours, as large as the disk it is on.
 */
import { chmodSync, chownSync, existsSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { PlatformError } from "../../model/error.ts";
import { functionUser, type ImageUser } from "../../oci/user.ts";
import { functionFolder, layersFolder, runtimeFolder, type SandboxSpec } from "../sandbox.ts";
import { bridgeSocket, callbackSocket } from "../spawner/messages.ts";
import { bridgeFolder, platformFolder, toolsFolder } from "../bubblewrap/mounts.ts";
import type { ContainerState } from "./engine.ts";

/** A folder for sockets that this process and the engine see, each by its own name. */
export interface SharedFolder {
  readonly here: string;
  /** As the engine sees it: a path, or the name of a volume. */
  readonly there: string;
}

/** A mount, as the engine's API has it. */
type Mount = Readonly<Record<string, unknown>>;

/** Of one container. */
export class Place {
  readonly mounts: readonly Mount[];
  /** The socket of `callback`. */
  readonly callbackPath: string;
  /** The name of the socket that the function makes, or the bridge. */
  readonly socketName: string;
  readonly #folder: string;
  /** Where that is inside; null: there is none. */
  readonly #inside: string | null;
  readonly #inMemory: boolean;

  /** `name` is a secret: who knows it can use the sockets. `tools`: host folder of what helps inside. `inMemory`: the engine's folders can be seen. */
  constructor(shared: SharedFolder, name: string, spec: SandboxSpec, tools: string | null, inMemory: boolean) {
    const { endpoint, user = functionUser } = spec;
    this.#folder = `${shared.here}/${name}`;
    this.#inMemory = inMemory;
    this.callbackPath = `${this.#folder}/${callbackSocket}`;
    this.socketName = endpoint.via === "unix" ? endpoint.name : bridgeSocket;
    this.#inside = endpoint.via === "unix" ? endpoint.folder : endpoint.via === "tcp" ? bridgeFolder : null;
    makeFolder(this.#folder, 0o711);
    const needsFolder = this.#inside !== null && !inMemory;
    if (needsFolder) makeFolderOf(`${this.#folder}/io`, user);
    // What is mounted in a place that is itself mounted needs one there.
    const callsUs = endpoint.via === "callback" || endpoint.via === "loopback";
    if (tools !== null && callsUs) makeFolder(`${this.#folder}/${basename(toolsFolder)}`, 0o755);
    const there = `${shared.there}/${name}`;
    const { tmpMiB, tmpFilesMax } = spec.limits;
    this.mounts = [
      ...["/tmp", ...writableIn(spec)].map((folder) =>
        memoryVolume(folder, `size=${tmpMiB}m,nr_inodes=${tmpFilesMax},mode=1777`),
      ),
      ...(spec.code === null ? [] : [readOnly(spec.code, functionFolder)]),
      ...(spec.code === null || spec.codePlace === undefined ? [] : [readOnly(spec.code, spec.codePlace)]),
      ...(spec.layers === undefined ? [] : [readOnly(spec.layers, layersFolder)]),
      ...(spec.runtime === null ? [] : [readOnly(spec.runtime, runtimeFolder)]),
      ...(callsUs ? [readOnly(there, platformFolder)] : []),
      ...(tools === null ? [] : [readOnly(tools, toolsFolder)]),
      ...(this.#inside === null
        ? []
        : [inMemory ? memoryVolume(this.#inside, socketOptions(user)) : bind(`${there}/io`, this.#inside)]),
    ];
  }

  /** The folder on this machine where the function makes its socket; null where it makes none. Throws `internal` where it cannot be seen. */
  socketFolder(state: ContainerState): string | null {
    if (this.#inside === null || !this.#inMemory) return this.#inside === null ? null : `${this.#folder}/io`;
    const source = state.Mounts.find(({ Destination }) => Destination === this.#inside)?.Source ?? "";
    if (!existsSync(source)) {
      throw new PlatformError(
        "internal",
        "The folders of Docker cannot be seen from here: set POLYKILN_IOFS_PATH to one that both see",
      );
    }
    return source;
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** A volume hides what the image has in its place, which the working folder is full of. */
function writableIn({ writable = [], workingFolder = "/" }: SandboxSpec): readonly string[] {
  return [...new Set(writable.map((folder) => (folder === workingFolder ? `${folder}/action` : folder)))];
}

/** Whatever our umask is: containers have a user of their own. */
function makeFolder(folder: string, mode: number): void {
  mkdirSync(folder);
  chmodSync(folder, mode);
}

/** One that the container's user can write to; and everybody else, where it cannot be given away. */
function makeFolderOf(folder: string, { uid, gid }: ImageUser): void {
  const isRoot = process.getuid?.() === 0;
  makeFolder(folder, isRoot ? 0o755 : 0o777);
  if (isRoot) chownSync(folder, uid, gid);
}

const readOnly = (source: string, target: string): Mount => ({ Type: "bind", Source: source, Target: target, ReadOnly: true });
const bind = (source: string, target: string): Mount => ({ Type: "bind", Source: source, Target: target });

const socketOptions = ({ uid, gid }: ImageUser) => `size=1m,nr_inodes=64,mode=0755,uid=${uid},gid=${gid}`;

/**
 * Without a name it goes with its container. The engine's own file systems in memory would have the mode of the image's folder, which is not
 * always open to all, and cannot limit the number of files.
 */
function memoryVolume(target: string, options: string): Mount {
  const DriverConfig = { Name: "local", Options: { type: "tmpfs", device: "tmpfs", o: `nosuid,nodev,${options}` } };
  return { Type: "volume", Target: target, VolumeOptions: { NoCopy: true, DriverConfig } };
}
