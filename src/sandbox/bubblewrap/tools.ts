/**
 * Programs of this machine that work inside of a sandbox whatever its root holds: they bring their own libraries.
 *
 * The bridge to programs that listen on TCP. A sandbox has a network of its own, so the way in is a unix socket: a program inside
 * takes connections there and passes them to the port. It first waits until the port answers: as soon as the socket exists, a connection is one with the program.
 * It is `socat`, which is small but forks for each connection; where there may be many of them it is Node with `bridge-main.ts`.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, constants, copyFileSync, linkSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { PlatformError } from "../../model/error.ts";
import type { Endpoint } from "../sandbox.ts";
import { loopbackPort } from "../endpoints/arrivals.ts";
import { bridgeSocket, callbackSocket } from "../spawner/messages.ts";
import { findProgram } from "./capabilities.ts";
import { bridgeFolder, platformFolder, toolsFolder } from "./mounts.ts";

/** Forks twice, so that the program never sees a child that it did not start. $1 port, $2 socket; then the program. */
const bridgeScript = `
loader=${toolsFolder}/ld.so tools=${toolsFolder}
address="TCP4:127.0.0.1:$1" socket=$2
shift 2
( (
  "$loader" --library-path "$tools" "$tools/socat" -u OPEN:/dev/null "$address,retry=1000000,interval=0.01" &&
  exec "$loader" --library-path "$tools" "$tools/socat" "UNIX-LISTEN:$socket,fork,backlog=128" "$address"
) < /dev/null > /dev/null 2>&1 & )
exec "$@"
`;

/** The wide bridge's program and its name inside, which says how to read it: there is no package beside it that would. */
const bridgeMain = fileURLToPath(import.meta.url).replace(/tools(\.[jt]s)$/, "bridge-main$1");
const bridgeFile = `bridge.m${bridgeMain.slice(-2)}`;

/** The same with one process. What a function sets for its own Node is not for this one. $1 and $2 as above; then the program. */
const wideBridgeScript = `
loader=${toolsFolder}/ld.so tools=${toolsFolder}
port=$1 socket=$2
shift 2
( (
  NODE_OPTIONS= NODE_EXTRA_CA_CERTS= exec "$loader" --library-path "$tools" "$tools/node" --v8-pool-size=0 "$tools/${bridgeFile}" "$port" "$socket"
) < /dev/null > /dev/null 2>&1 & )
exec "$@"
`;

/**
 * The other way round, for containers, in which nothing of ours runs before (elsewhere `own-port.ts`): a port on which the program finds us, there before it begins. It waits without a clock, since that takes a moment only, and
 * without a connection, which would be one of ours. $1 port, $2 our socket; then the program.
 */
const loopbackScript = `
loader=${toolsFolder}/ld.so tools=${toolsFolder}
port=$1 socket=$2 entry=$(printf %04X "$1")
shift 2
( (
  exec "$loader" --library-path "$tools" "$tools/socat" "TCP4-LISTEN:$port,bind=127.0.0.1,fork,backlog=128,nodelay" "UNIX-CONNECT:$socket"
) < /dev/null > /dev/null 2>&1 & )
listening=
while [ -z "$listening" ]; do
  while read -r _ local _ state _; do
    [ "\${local#*:} $state" != "$entry 0A" ] || listening=yes
  done < /proc/net/tcp
done
exec "$@"
`;

/** Connections at a time for which a process each is too much. */
const forkedMax = 64;

/**
 * Sets the limit of processes where no control group does. It counts the processes of a user in a user namespace, so it has to
 * be set inside. Shells call it by one letter or the other. $1 number; then the program.
 */
const limitScript = `
ulimit -p "$1" 2> /dev/null || ulimit -u "$1"
shift 1
exec "$@"
`;

/** Until a line comes on STDIN, whose rest is the program's: what it needs is put in from outside meanwhile. The program. */
const waitScript = `
IFS= read -r word
[ "$word" = go ] || exit 125
exec "$@"
`;

/** Looks its program up. */
const lookUpScript = `
exec "$@"
`;

/** What a program that waits is told. */
export const goLine = "go\n";

/** Of an end point that is reached by TCP: how many connections to it there may be at a time. */
type TcpEndpoint = Extract<Endpoint, { via: "tcp" }>;

const isWide = ({ connections = 1 }: TcpEndpoint) => connections > forkedMax;

/** The program that the bridge of an end point needs; null: it has none. */
export function bridgeProgram(endpoint: Endpoint): "node" | "socat" | null {
  if (endpoint.via === "loopback") return "socat";
  if (endpoint.via !== "tcp") return null;
  return isWide(endpoint) ? "node" : "socat";
}

/** The command that starts the bridge, where the end point has one, and becomes the program. */
export function bridgeCommand(endpoint: Endpoint, command: readonly string[]): readonly string[] {
  if (endpoint.via === "loopback") {
    return [...shell("loopback.sh"), String(loopbackPort), `${platformFolder}/${callbackSocket}`, ...command];
  }
  if (endpoint.via !== "tcp") return command;
  const script = isWide(endpoint) ? "wide-bridge.sh" : "bridge.sh";
  return [...shell(script), String(endpoint.port), `${bridgeFolder}/${bridgeSocket}`, ...command];
}

/** The command that limits itself and becomes the program. */
export function limitedCommand(processesMax: number, command: readonly string[]): string[] {
  return [...shell("limit.sh"), String(processesMax), ...command];
}

/** The command as it is where its program is a path, for those who do not look programs up; else one that does. */
export function lookedUpCommand(command: readonly string[]): readonly string[] {
  return command[0]?.startsWith("/") === true ? command : [...shell("look-up.sh"), ...command];
}

/** The command that waits for `goLine` and becomes the program. */
export function waitingCommand(command: readonly string[]): string[] {
  return [...shell("wait.sh"), ...command];
}

function shell(file: string): string[] {
  return [`${toolsFolder}/ld.so`, "--library-path", toolsFolder, `${toolsFolder}/sh`, `${toolsFolder}/${file}`];
}

/** A folder of programs for the inside, filled as they are needed. */
export class Tools {
  readonly folder: string;
  readonly #path: string;
  readonly #copied = new Set<string>();
  readonly #placed = new Set<string>();

  /** `folder` is made. Programs are looked up in `path`. */
  constructor(folder: string, path: string) {
    this.folder = folder;
    this.#path = path;
    mkdirSync(folder, { mode: 0o755 });
    writeFileSync(`${folder}/bridge.sh`, bridgeScript, { mode: 0o644 });
    writeFileSync(`${folder}/wide-bridge.sh`, wideBridgeScript, { mode: 0o644 });
    writeFileSync(`${folder}/loopback.sh`, loopbackScript, { mode: 0o644 });
    writeFileSync(`${folder}/look-up.sh`, lookUpScript, { mode: 0o644 });
    writeFileSync(`${folder}/limit.sh`, limitScript, { mode: 0o644 });
    writeFileSync(`${folder}/wait.sh`, waitScript, { mode: 0o644 });
  }

  /** Copies the programs and what they are linked with, each once. Throws `unsupported` when one is missing. */
  need(...names: readonly string[]): void {
    for (const name of names) {
      if (this.#copied.has(name)) continue;
      this.#copy(name);
      this.#copied.add(name);
    }
  }

  #copy(name: string): void {
    if (name === "node") this.#place(bridgeMain, bridgeFile);
    const program = name === "node" ? process.execPath : findProgram(name, this.#path);
    if (program === null) {
      throw new PlatformError(
        "unsupported",
        `Functions that listen on a port need ${name} on this machine: apt-get install ${name}`,
      );
    }
    this.#place(program, name);
    for (const library of libraries(program)) {
      const file = basename(library);
      this.#place(library, file.startsWith("ld-") ? "ld.so" : file);
    }
  }

  /** Once: somebody may be running it. */
  #place(from: string, name: string): void {
    if (this.#placed.has(name)) return;
    this.#placed.add(name);
    const to = `${this.folder}/${name}`;
    if (from === process.execPath && linked(from, to)) return;
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
    chmodSync(to, 0o755);
  }
}

/** A link to our own Node, where there can be one: a copy of it would be a hundred megabytes of memory. */
function linked(from: string, to: string): boolean {
  const everybodyMayRun = 0o005;
  if ((statSync(from).mode & everybodyMayRun) !== everybodyMayRun) return false;
  try {
    linkSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** Full names from lines such as `libc.so.6 => /lib/libc.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`. */
function libraries(program: string): string[] {
  const lines = execFileSync("ldd", [program], { encoding: "utf8" }).split("\n");
  return lines.map((line) => /(\/\S+) \(0x/.exec(line)?.[1]).filter((file) => file !== undefined);
}
