/**
 * Datagrams to unix sockets such as /dev/log, of which Node has none: a program of a few lines sends them, in perl, which every Debian has, or
 * else in python. It is started with the first receiver, once for all of them, since starting one stops this process for as long as its
 * memory takes to be copied; for each connection it makes a copy of itself. It ends with its STDIN, so with this process, and then removes its
 * socket.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World } from "../../lib/world.ts";
import type { SyslogWire } from "./wire.ts";

/**
 * Each listens at the socket in its argument and says a line feed. Who connects sends lengths of four bytes, each followed by so many bytes: the
 * path of a receiver first, then messages. The path, and a length of 0, are answered with a line: empty, or why it ends.
 */
const programs: readonly (readonly [program: string, ...args: string[]])[] = [
  [
    "perl",
    "-MSocket",
    "-e",
    `$SIG{CHLD} = "IGNORE"; $SIG{PIPE} = "IGNORE";
socket(L, AF_UNIX, SOCK_STREAM, 0) && bind(L, sockaddr_un($ARGV[0])) && listen(L, 64) or die "$!";
syswrite STDOUT, "\\n";
sub take { my ($n, $all) = (shift, ""); while (length $all < $n) { sysread(C, $all, $n - length $all, length $all) or exit } $all }
sub ends { syswrite C, "$!\\n"; exit }
while (1) {
  my $ready = ""; vec($ready, fileno(STDIN), 1) = vec($ready, fileno(L), 1) = 1;
  select($ready, undef, undef, undef) > 0 or next;
  if (vec($ready, fileno(STDIN), 1)) { unlink $ARGV[0]; rmdir $ARGV[0] =~ s{/[^/]*$}{}r; exit }
  accept(C, L) or next;
  if (fork) { close C; next }
  close L; close STDIN;
  my $path = take(unpack "N", take(4));
  socket(S, AF_UNIX, SOCK_DGRAM, 0) && setsockopt(S, SOL_SOCKET, SO_SNDTIMEO, pack("l!l!", $ARGV[1], 0)) or ends;
  connect(S, eval { sockaddr_un($path) } // "") or ends;
  syswrite C, "\\n";
  while (1) {
    my $length = unpack "N", take(4);
    if ($length == 0) { syswrite C, "\\n"; next }
    defined send(S, take($length), 0) or ends;
  }
}`,
  ],
  [
    "python3",
    "-c",
    `import os, select, signal, socket, struct, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener, backlog = socket.socket(socket.AF_UNIX), 64
listener.bind(sys.argv[1])
listener.listen(backlog)
print(flush=True)
def take(count):
    data = b""
    while len(data) < count:
        piece = client.recv(count - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data
while True:
    ready, _, _ = select.select([sys.stdin, listener], [], [])
    if sys.stdin in ready:
        os.unlink(sys.argv[1])
        os.rmdir(os.path.dirname(sys.argv[1]))
        sys.exit()
    client, _ = listener.accept()
    if os.fork():
        client.close()
        continue
    try:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.settimeout(int(sys.argv[2]))
        s.connect(take(struct.unpack(">I", take(4))[0]))
        client.sendall(b"\\n")
        while True:
            length = struct.unpack(">I", take(4))[0]
            if length == 0:
                client.sendall(b"\\n")
            else:
                s.send(take(length))
    except OSError as error:
        client.sendall((error.strerror or str(error)).encode() + b"\\n")
    os._exit(0)`,
  ],
];

const datagramBytesMax = 8192;
/** A receiver that takes nothing for so long is given up. */
const stallSeconds = 10;
const answerMsMax = 2 * stallSeconds * 1000;

/** A program that runs, and where it listens. */
interface Sender {
  readonly child: ChildProcess;
  readonly path: string;
}

/** Sends for all receivers of a server. */
export class UnixDatagrams {
  readonly #world: World;
  #sender: Promise<Sender> | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  /** Rejects when there is no socket at that path, or no program that could send to it. */
  async connect(path: string): Promise<SyslogWire> {
    const { path: sender } = await this.#started();
    const socket = connect(sender).unref();
    const answers = new Answers(socket, this.#world);
    socket.write(framed(Buffer.from(path)));
    await answers.next();
    return {
      write(messages) {
        const cut = messages.map((message) => framed(message.subarray(0, datagramBytesMax)));
        socket.write(Buffer.concat([...cut, framed(Buffer.alloc(0))]));
        return answers.next();
      },
      close: () => void socket.end(),
    };
  }

  /** What was written gets through. */
  close(): void {
    this.#sender?.then(({ child }) => child.stdin?.end()).catch(() => {});
  }

  #started(): Promise<Sender> {
    if (this.#sender !== null) return this.#sender;
    const sender = start();
    this.#sender = sender;
    const forget = () => {
      if (this.#sender === sender) this.#sender = null;
    };
    sender.then(({ child }) => child.once("exit", forget), forget);
    return sender;
  }
}

async function start(): Promise<Sender> {
  const folder = mkdtempSync(join(tmpdir(), "kiln-syslog-"));
  const path = join(folder, "s");
  try {
    for (const [program, ...args] of programs) {
      const child = await listening(program, [...args, path, String(stallSeconds)]);
      if (child === null) continue;
      child.once("exit", () => rmSync(folder, { recursive: true, force: true }));
      return { child, path };
    }
    throw new Error("Sending to a unix datagram socket needs perl or python3 on this machine, and neither is there");
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Null: there is no such program. */
async function listening(program: string, args: readonly string[]): Promise<ChildProcess | null> {
  const child = spawn(program, args, { cwd: "/", stdio: ["pipe", "pipe", "ignore"] });
  child.stdin.on("error", () => {});
  const ended = once(child, "exit").then(() => {
    throw new Error(`${program} ended before it could send anything`);
  });
  try {
    await Promise.race([once(child.stdout, "data"), ended]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  } finally {
    ended.catch(() => {});
  }
  child.unref();
  for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as { unref(): void }).unref();
  return child;
}

function framed(bytes: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

/** The lines that the program answers, one for each question. */
class Answers {
  readonly #socket: Socket;
  readonly #world: World;
  #waiting: PromiseWithResolvers<void> | null = null;
  #said = "";
  #failure: Error | null = null;

  constructor(socket: Socket, world: World) {
    this.#socket = socket;
    this.#world = world;
    socket.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
      this.#tell();
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#failure ??= new Error("The program that sends datagrams ended");
      this.#tell();
    });
  }

  async next(): Promise<void> {
    this.#waiting = Promise.withResolvers();
    const stopClock = this.#world.after(answerMsMax, () => this.#socket.destroy());
    const { promise } = this.#waiting;
    this.#tell();
    try {
      await promise;
    } finally {
      stopClock();
    }
  }

  #tell(): void {
    const end = this.#said.indexOf("\n");
    if (end > 0) this.#failure = new Error(this.#said.slice(0, Math.min(end, 500)));
    if (this.#waiting === null || (end === -1 && this.#failure === null)) return;
    if (this.#failure !== null) this.#waiting.reject(this.#failure);
    else this.#waiting.resolve();
    this.#said = this.#said.slice(end + 1);
    this.#waiting = null;
  }
}
