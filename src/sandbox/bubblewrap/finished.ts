/**
 * Sandboxes that are finished before it is known whose they will be: everything is mounted, and a placeholder (`steps.ts`) waits in them for
 * what to become. They are made like the ones that were asked for last, for the next one is likely to be like those.
 */
import { linkSync, mkdirSync, chmodSync } from "node:fs";
import { linkEntries } from "../../lib/link-entries.ts";
import { removeFolder } from "../spawner/folder.ts";
import { callbackSocket, type SpawnRequest } from "../spawner/messages.ts";
import { environment, platformFolder, workingFolder } from "./mounts.ts";
import { ownPortSteps } from "./own-port.ts";
import type { Spare } from "./spare.ts";
import { stepsOrder } from "./steps.ts";

/** Of the kinds that were asked for last, so many of each. Were it more of the newest, they would have to go when another one is. */
const finishedCount = 2;
const shapesMax = 4;

/** Code with more entries is mounted instead: to link it would hold up whoever waits for this process. */
const entriesMax = 100;

/** After so many in a row that could not be used none is made any more: this machine does not let them. */
const brokenMax = 3;

const placeholderName = "start";
const placeholderCommand = [`${platformFolder}/${placeholderName}`];

/** What is the same for all that a finished one can become. */
export interface Shape {
  readonly key: string;
  /** A request like it; only what all of them have in common counts. */
  readonly request: SpawnRequest;
}

/**
 * Null for what cannot be finished beforehand: a program that is looked up inside, and code that is still to come. `coresLate`: the processors of a
 * running sandbox can be chosen.
 */
export function shapeOf(request: SpawnRequest, coresLate: boolean): Shape | null {
  const { root, runtime, code, endpoint, egress, limits, command } = request;
  if (request.codeComesLater === true || command[0]?.startsWith("/") !== true || process.arch !== "x64") return null;
  const { cpuWeight: _, cores, ...sizes } = limits;
  const seen = coresLate ? cores?.length : cores;
  const { user, workingFolder: folder, codePlace, layers, localNames, writable } = request;
  const key = JSON.stringify([
    root,
    runtime,
    code !== null,
    endpoint,
    egress === "none",
    sizes,
    seen,
    user,
    folder,
    codePlace,
    layers,
    localNames,
    writable,
  ]);
  return { key, request };
}

/** One of them. Its folders are on the host, and go with it. */
export class Finished {
  readonly shape: Shape;
  readonly spare: Spare;
  /** The platform's own, and the one that is `/function`. */
  readonly folder: string;
  readonly place: string | null;
  /** Rejects when it could not be finished. */
  readonly ready: Promise<void>;

  constructor(shape: Shape, spare: Spare, folders: FinishedFolders, ready: Promise<void>) {
    this.shape = shape;
    this.spare = spare;
    this.folder = folders.folder;
    this.place = folders.place;
    this.ready = ready;
    ready.catch(() => {});
  }

  get folders(): readonly string[] {
    return this.place === null ? [this.folder] : [this.folder, this.place];
  }

  /** Puts the code in; false, with nothing done, where it has too many files. Throws when the disk fails. */
  fill(code: string | null): boolean {
    return code === null || this.place === null || linkEntries(code, this.place, entriesMax);
  }

  /** The placeholder becomes the request's program, by a command whose first word is a full path. */
  begin(request: SpawnRequest, order: Buffer): void {
    if (request.endpoint.via === "callback") linkSync(`${request.folder}/${callbackSocket}`, `${this.folder}/${callbackSocket}`);
    this.spare.tell(order);
  }

  async discard(): Promise<void> {
    await this.spare.discard();
    for (const folder of this.folders) removeFolder(folder);
  }
}

/** What `begin` sends; null where it is too long for that. */
export function orderOf(request: SpawnRequest, command: readonly string[]): Buffer | null {
  // As bwrap would have it.
  const all = { ...environment(request), PWD: workingFolder(request) };
  const variables = Object.entries(all).map(([name, value]) => `${name}=${value}`);
  const [program = ""] = command;
  return stepsOrder([
    ...(request.endpoint.via === "loopback" ? ownPortSteps(request.folder) : []),
    { call: "execve", args: [program, command, variables], complaint: `The program ${program} could not be started` },
  ]);
}

/** Puts the placeholder, the file `program`, into the platform's folder of a sandbox; it is started by the command. */
export function placePlaceholder(program: string, folder: string): readonly string[] {
  linkSync(program, `${folder}/${placeholderName}`);
  return placeholderCommand;
}

export interface FinishedFolders {
  readonly folder: string;
  readonly place: string | null;
}

/** Makes the host folders of one, under names that nobody else can know, with the placeholder in it. */
export function makeFolders(
  shape: Shape,
  id: string,
  shop: { runFolder: string; placesFolder: string; program: string },
): FinishedFolders {
  const folder = `${shop.runFolder}/${id}`;
  const place = shape.request.code === null ? null : `${shop.placesFolder}/${id}`;
  mkdirSync(folder);
  // Whatever our umask is: the sandbox has a user of its own.
  chmodSync(folder, 0o711);
  placePlaceholder(shop.program, folder);
  if (place !== null) {
    mkdirSync(place);
    chmodSync(place, 0o755);
  }
  return { folder, place };
}

export function removeFolders({ folder, place }: FinishedFolders): void {
  removeFolder(folder);
  if (place !== null) removeFolder(place);
}

/** What is started in one with these folders. */
export function templateOf({ request }: Shape, { folder, place }: FinishedFolders): SpawnRequest {
  // Whose list it will have is not known yet: a list of the request's must never be the next one's.
  const egress = request.egress === "none" ? "none" : "internet";
  return { ...request, folder, code: place, command: placeholderCommand, env: {}, egress, platform: null };
}

/** Which there are, and which there should be. */
export class FinishedStock {
  readonly #finished: Finished[] = [];
  /** The one that was asked for last comes last. */
  readonly #shapes = new Map<string, Shape>();
  /** So many of a shape there are to be at least. */
  readonly #expected = new Map<string, number>();
  #brokenInARow = 0;

  /** Nothing was asked for that could be finished beforehand. */
  get isIdle(): boolean {
    return this.#shapes.size === 0;
  }

  /** So many like this are to be there, as long as not too many others are asked for. What there is beyond goes. */
  expect(shape: Shape, count: number): void {
    this.#remember(shape);
    this.#expected.set(shape.key, count);
    let left = this.#finished.filter((each) => each.shape.key === shape.key).length - count;
    this.#drop((each) => each.shape.key === shape.key && left-- > 0);
  }

  /** One like this; from now on there is to be another. */
  take(shape: Shape): Finished | null {
    this.#remember(shape);
    this.#dropBroken();
    const at = this.#finished.findIndex((each) => each.shape.key === shape.key);
    return at === -1 ? null : (this.#finished.splice(at, 1)[0] as Finished);
  }

  /** None like this is to be made any more, until one is asked for again. */
  forget(shape: Shape): void {
    this.#shapes.delete(shape.key);
    this.#expected.delete(shape.key);
  }

  add(finished: Finished): void {
    this.#finished.push(finished);
  }

  /** One was of use. */
  worked(): void {
    this.#brokenInARow = 0;
  }

  broke(): void {
    this.#brokenInARow++;
  }

  /** What to make next; null when there is enough of everything. What nothing like it was asked for lately goes. */
  wanted(): Shape | null {
    this.#dropBroken();
    if (this.#brokenInARow >= brokenMax) return null;
    for (const shape of [...this.#shapes.values()].toReversed()) {
      const wanted = this.#expected.get(shape.key) ?? finishedCount;
      if (this.#finished.filter((each) => each.shape.key === shape.key).length < wanted) return shape;
    }
    return null;
  }

  async close(): Promise<void> {
    await Promise.all(this.#finished.splice(0).map((each) => each.discard()));
  }

  #remember(shape: Shape): void {
    this.#shapes.delete(shape.key);
    this.#shapes.set(shape.key, shape);
    for (const [key] of this.#shapes) {
      if (this.#shapes.size <= shapesMax) return;
      this.#shapes.delete(key);
      this.#expected.delete(key);
      this.#drop((each) => each.shape.key === key);
    }
  }

  #dropBroken(): void {
    this.#drop(({ spare }) => {
      if (spare.broken) this.#brokenInARow++;
      return spare.broken;
    });
  }

  #drop(isOver: (finished: Finished) => boolean): void {
    for (const each of this.#finished.slice()) {
      if (!isOver(each)) continue;
      this.#finished.splice(this.#finished.indexOf(each), 1);
      void each.discard();
    }
  }
}
