/**
 * Datagrams to a unix socket such as /dev/log, of which Node has none: a program of a few lines sends them, in perl, which every Debian
 * has, or else in python. It ends with its STDIN, so with this process.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { World } from "../../lib/world.ts";
import type { SyslogWire } from "./wire.ts";

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Reads a length of four bytes and so many bytes, again and again; a length of 0 is answered with a line feed. */
const programs: readonly (readonly [program: string, ...args: string[]])[] = [
  [
    "perl",
    "-MSocket",
    "-e",
    `binmode STDIN; $| = 1;
sub ends { print STDERR "$!"; exit 1 }
socket(S, AF_UNIX, SOCK_DGRAM, 0) && connect(S, sockaddr_un($ARGV[0])) or ends;
print "\\n";
while ((read(STDIN, $head, 4) || 0) == 4) {
  $length = unpack("N", $head);
  if ($length == 0) { print "\\n"; next }
  read(STDIN, $message, $length) == $length or last;
  defined send(S, $message, 0) or ends;
}`,
  ],
  [
    "python3",
    "-c",
    `import socket, struct, sys
try:
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(sys.argv[1])
    print(flush=True)
    while len(head := sys.stdin.buffer.read(4)) == 4:
        length = struct.unpack(">I", head)[0]
        if length == 0:
            print(flush=True)
        else:
            s.send(sys.stdin.buffer.read(length))
except OSError as error:
    sys.exit(error.strerror)`,
  ],
];

const datagramBytesMax = 8192;
const answerMsMax = 10_000;

/** Rejects when there is no socket, or no program that could send to it. */
export async function connectDatagrams(path: string, world: World): Promise<SyslogWire> {
  for (const [program, ...args] of programs) {
    const child = await started(program, [...args, path]);
    if (child !== null) return await opened(child, world);
  }
  throw new Error("Sending to a unix datagram socket needs perl or python3 on this machine, and neither is there");
}

/** Null: there is no such program. */
function started(program: string, args: readonly string[]): Promise<Child | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: "/", stdio: ["pipe", "pipe", "pipe"] });
    child.once("spawn", () => resolve(child));
    child.once("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? resolve(null) : reject(error)));
  });
}

async function opened(child: Child, world: World): Promise<SyslogWire> {
  const answers = new Answers(child, world);
  await answers.next();
  return {
    write(messages) {
      child.stdin.write(Buffer.concat([...messages.flatMap(framed), Buffer.alloc(4)]));
      return answers.next();
    },
    close: () => void child.stdin.end(),
  };
}

function framed(message: Buffer): Buffer[] {
  const cut = message.subarray(0, datagramBytesMax);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(cut.length);
  return [head, cut];
}

/** The line feeds that the program gives, one for each question. */
class Answers {
  readonly #child: Child;
  readonly #world: World;
  #waiting: PromiseWithResolvers<void> | null = null;
  #early = 0;
  #failure: Error | null = null;

  constructor(child: Child, world: World) {
    this.#child = child;
    this.#world = world;
    let said = "";
    child.unref();
    for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as unknown as { unref(): void }).unref();
    child.stdin.on("error", () => {});
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(0, 500);
    });
    child.stdout.on("data", (bytes: Buffer) => {
      this.#early += bytes.length;
      this.#tell();
    });
    child.once("close", () => {
      this.#failure = new Error(said.trim() || "The program that sends datagrams ended");
      this.#tell();
    });
  }

  async next(): Promise<void> {
    this.#waiting = Promise.withResolvers();
    const stopClock = this.#world.after(answerMsMax, () => this.#child.kill("SIGKILL"));
    const { promise } = this.#waiting;
    this.#tell();
    try {
      await promise;
    } finally {
      stopClock();
    }
  }

  #tell(): void {
    if (this.#waiting === null) return;
    if (this.#early > 0) {
      this.#early--;
      this.#waiting.resolve();
    } else if (this.#failure !== null) this.#waiting.reject(this.#failure);
    else return;
    this.#waiting = null;
  }
}
