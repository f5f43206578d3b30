/**
 * The script that becomes a sandbox where the server is not root (`privileged.ts` tells of the other way). It is started ahead of time and waits
 * on descriptor 3 for what to run. Its text is constant: whatever comes from outside is a positional argument or a line read
 * as it is, and nothing is ever evaluated.
 *
 * Descriptor 3 carries, in this order: a line of numbers; the command, each argument as a line with its number of lines and
 * then these lines; from there to the end the arguments of bwrap, ended by NULs each.
 */
import { PlatformError } from "../../model/error.ts";
import type { SandboxLimits } from "../sandbox.ts";
import { channelDescriptor } from "../spawner/messages.ts";

/** What a waiting sandbox is told. */
export interface LaunchInput {
  readonly limits: SandboxLimits;
  readonly command: readonly string[];
  readonly bwrapArguments: readonly string[];
  /** What the processes themselves have to be limited to; null: control groups do it. */
  readonly dataKiB: number | null;
  readonly cores: readonly number[] | null;
  /** The command is ours, and takes the server's channel (`own-port.ts`). */
  readonly keepsChannel: boolean;
}

const readCommand = `
IFS=' ' read -r files fileBlocks data cores channel count <&3 || exit 0
set --
while [ "$count" -gt 0 ]; do
  IFS= read -r lines <&3 && IFS= read -r value <&3 || exit 125
  while [ "$lines" -gt 1 ]; do
    IFS= read -r line <&3 || exit 125
    value="$value
$line"
    lines=$((lines - 1))
  done
  set -- "$@" "$value"
  count=$((count - 1))
done
`;

const limitAndRun = `
ulimit -c 0
ulimit -n "$files" 2> /dev/null || ulimit -n "$(ulimit -H -n)"
ulimit -f "$fileBlocks"
[ "$cores" = - ] || taskset -p -c "$cores" $$ > /dev/null 2>&1 || :
`;

/**
 * Without root no control group may tell the next server what to kill, so the kernel ends it all with its parent: this program, and with
 * it the process namespace that it holds. bwrap asks for the same, but late, and its first process would wait for ever for a second one
 * that was killed. The next program is the arguments; it is somebody without rights in a user namespace of his own.
 */
export const lifeScript = `
command -v setpriv > /dev/null && exec setpriv --pdeathsig KILL "$@"
exec "$@"
`;

/** Without root, where the sandbox has a network namespace of its own: $1 what `ip` is to do in it; then the program that comes next. */
export const networkScript = `
set -eu
ip -batch - <<LINES
$1
LINES
shift 1
exec "$@"
`;

/** $1 filter; then the cgroup.procs files, if any. Without root nothing can be mounted beforehand. */
export const unprivilegedScript = `
set -eu
umask 022
filter=$1
shift 1
for file do echo $$ > "$file"; done
echo ready >&3
${readCommand}
${limitAndRun}
[ "$data" = - ] || ulimit -d "$data"
[ "$channel" = keep ] || exec ${channelDescriptor}>&-
exec bwrap --args 3 --seccomp 9 -- "$@" 9< "$filter"
`;

/**
 * Without control groups: what one process may have in writable memory. Runtimes reserve far more than they use, so less than
 * this would keep them from starting.
 */
export function dataKiBOf({ memoryMiB }: SandboxLimits): number {
  return (memoryMiB + 512) * 1024;
}

/** What the script reads from descriptor 3. Throws `internal` for what no program can be given: a NUL. */
export function launchInput(input: LaunchInput): Buffer {
  const { limits, command, bwrapArguments, dataKiB, cores, keepsChannel } = input;
  checkTexts(command);
  const numbers = [
    limits.openFilesMax,
    // In blocks of 512 bytes. Twice as much as fits into /tmp, so that a full /tmp is told as such.
    (limits.tmpMiB * 1024 * 1024 * 2) / 512,
    dataKiB ?? "-",
    cores?.join(",") ?? "-",
    keepsChannel ? "keep" : "-",
    command.length,
  ];
  const lines = command.flatMap((argument) => [String(argument.split("\n").length), argument]);
  return Buffer.concat([Buffer.from(`${[numbers.join(" "), ...lines].join("\n")}\n`), argumentsInput(bwrapArguments)]);
}

/** What bwrap reads with `--args`. Throws `internal` for a NUL in it. */
export function argumentsInput(bwrapArguments: readonly string[]): Buffer {
  checkTexts(bwrapArguments);
  return Buffer.from(bwrapArguments.map((each) => `${each}\0`).join(""));
}

function checkTexts(texts: readonly string[]): void {
  if (texts.some((text) => text.includes("\0")))
    throw new PlatformError("internal", "A command or a variable of a sandbox has a NUL in it");
}
