/**
 * The three pipes between the spawner and a sandbox. They are named pipes because what Node makes by itself are sockets, and
 * opening `/dev/stdin` or `/dev/stderr` on a socket fails; programs do that. They are used again once both ends are closed.
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { Socket } from "node:net";

/** Pipes of one sandbox. */
export interface PipeSet {
  /** For the child, as its descriptors 0, 1 and 2. */
  readonly childEnds: readonly [number, number, number];
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Closes our copies of the child's ends: from now on its exit is the end of the stream. */
  started(): void;
  /** Closes all and keeps the pipes for the next one. */
  release(): void;
}

/** Makes pipes, a batch at a time because each batch costs a fork. */
export class PipePool {
  readonly #folder: string;
  readonly #free: string[] = [];
  #made = 0;

  /** `folder` is made; nobody but this user may enter it. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { mode: 0o700 });
    this.#make(8);
  }

  /** Three open pipes. Blocks for about two milliseconds when none is left. */
  take(): PipeSet {
    if (this.#free.length === 0) this.#make(Math.min(64, this.#made));
    const name = this.#free.pop() as string;
    return openPipes(name, () => this.#free.push(name));
  }

  #make(count: number): void {
    const names = Array.from({ length: count }, (_, index) => `${this.#folder}/${this.#made + index}`);
    // Anybody may open them again by /dev/stdout, whatever uid the sandbox has; the folder keeps strangers out.
    execFileSync("mkfifo", ["-m", "0666", ...names.flatMap((name) => [`${name}.0`, `${name}.1`, `${name}.2`])]);
    this.#made += count;
    this.#free.push(...names.toReversed());
  }
}

function openPipes(name: string, recycle: () => void): PipeSet {
  const stdin = openPipe(`${name}.0`, "write");
  const stdout = openPipe(`${name}.1`, "read");
  const stderr = openPipe(`${name}.2`, "read");
  const childEnds = [stdin.theirs, stdout.theirs, stderr.theirs] as const;
  const sockets = [
    new Socket({ fd: stdin.ours, readable: false, writable: true }),
    new Socket({ fd: stdout.ours, readable: true, writable: false }),
    new Socket({ fd: stderr.ours, readable: true, writable: false }),
  ] as const;
  let childEndsOpen = true;
  const started = () => {
    if (!childEndsOpen) return;
    childEndsOpen = false;
    for (const fd of childEnds) closeSync(fd);
  };
  const release = () => {
    started();
    closeAll(sockets, recycle);
  };
  return { childEnds, stdin: sockets[0], stdout: sockets[1], stderr: sockets[2], started, release };
}

/** A pipe may be handed on only when our ends are really closed; until then it may still hold bytes. */
function closeAll(sockets: readonly Socket[], done: () => void): void {
  let left = sockets.length;
  const closed = () => {
    left -= 1;
    if (left === 0) done();
  };
  for (const socket of sockets) {
    socket.removeAllListeners("error");
    socket.on("error", () => {});
    if (socket.closed) closed();
    else socket.once("close", closed).destroy();
  }
}

/** The child's end blocks and ours does not; whoever opens first must not wait for the other, hence the third descriptor. */
function openPipe(path: string, our: "read" | "write"): { ours: number; theirs: number } {
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const ourMode = our === "read" ? constants.O_RDONLY : constants.O_WRONLY;
  const theirMode = our === "read" ? constants.O_WRONLY : constants.O_RDONLY;
  const ours = openSync(path, ourMode | constants.O_NONBLOCK);
  const theirs = openSync(path, theirMode);
  closeSync(both);
  return { ours, theirs };
}
