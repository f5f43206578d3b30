/**
 * The script that becomes a sandbox. It is started ahead of time, prepares what takes long (control groups, /tmp), and waits
 * on descriptor 3 for what to run. Its text is constant: whatever comes from outside is a positional argument or a line read
 * as it is, and nothing is ever evaluated.
 *
 * Descriptor 3 carries, in this order: a line of numbers; the command, each argument as a line with its number of lines and
 * then these lines; from there to the end the arguments of bwrap, ended by NULs each.
 */
import { PlatformError } from "../../model/error.ts";
import type { SandboxLimits } from "../sandbox.ts";

/** What a waiting sandbox is told. */
export interface LaunchInput {
  readonly limits: SandboxLimits;
  readonly command: readonly string[];
  readonly bwrapArguments: readonly string[];
}

const readCommand = `
IFS=' ' read -r files fileBlocks data tmpBytes tmpFiles count <&3 || exit 0
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
ulimit -n "$files"
ulimit -f "$fileBlocks"
`;

/**
 * $1 uid, $2 folder where /tmp is mounted, $3 and $4 its size and files, $5 filter, $6 what `ip` is to do in the network namespace,
 * where it has one of its own; then the cgroup.procs files.
 */
export const privilegedScript = `
set -eu
umask 022
uid=$1 tmp=$2 preparedBytes=$3 preparedFiles=$4 filter=$5 network=$6
shift 6
for file do echo $$ > "$file"; done
mount -t tmpfs -o "size=$preparedBytes,nr_inodes=$preparedFiles,mode=0755,nosuid,nodev" kiln "$tmp"
mkdir -m 1777 "$tmp/tmp" "$tmp/shm"
mkdir -m 0700 "$tmp/io"
chown "$uid:$uid" "$tmp/io"
[ -z "$network" ] || ip -batch - <<LINES
$network
LINES
echo ready >&3
${readCommand}
[ "$tmpBytes $tmpFiles" = "$preparedBytes $preparedFiles" ] || mount -o "remount,size=$tmpBytes,nr_inodes=$tmpFiles" "$tmp"
${limitAndRun}
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \\
  bwrap --args 3 --seccomp 9 -- "$@" 9< "$filter"
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
[ "$data" = 0 ] || ulimit -d "$data"
exec bwrap --args 3 --seccomp 9 -- "$@" 9< "$filter"
`;

/** What the script reads from descriptor 3. Throws `internal` for what no program can be given: a NUL. */
export function launchInput(input: LaunchInput, dataKiB: number): Buffer {
  const { limits, command, bwrapArguments } = input;
  for (const text of [...command, ...bwrapArguments]) {
    if (text.includes("\0")) throw new PlatformError("internal", "A command or a variable of a sandbox has a NUL in it");
  }
  const numbers = [
    limits.openFilesMax,
    // In blocks of 512 bytes. Twice as much as fits into /tmp, so that a full /tmp is told as such.
    (limits.tmpMiB * 1024 * 1024 * 2) / 512,
    dataKiB,
    limits.tmpMiB * 1024 * 1024,
    limits.tmpFilesMax,
    command.length,
  ];
  const lines = command.flatMap((argument) => [String(argument.split("\n").length), argument]);
  return Buffer.from([[numbers.join(" "), ...lines].join("\n"), "\n", ...bwrapArguments.map((each) => `${each}\0`)].join(""));
}
