/**
 * The system call filter of a sandbox, as a classic BPF program. A number is looked up by halving, so that a call costs about
 * eight comparisons (and nothing where the kernel keeps a table of calls that are always allowed).
 * Source of the layouts: Documentation/userspace-api/seccomp_filter.rst, include/uapi/linux/{filter,seccomp}.h.
 */
import { PlatformError } from "../../model/error.ts";
import { allowedSyscalls, checkedSyscalls, lastKnownSyscall, unknownSyscalls } from "./syscalls.ts";

/** The program as `bwrap --seccomp` reads it. Throws `unsupported` where we have no table of system calls. */
export function seccompFilter(architecture: string): Buffer {
  if (architecture !== "x64") {
    throw new PlatformError(
      "unsupported",
      `There is no system call filter for ${architecture} yet, only for x64; \`--sandbox process\` runs code unprotected`,
    );
  }
  const program = [
    load(offset.architecture),
    jump(op.jumpEqual, auditArchX64, 1, 0),
    answer(verdict.kill),
    load(offset.number),
    // The x32 calls: same kernel, other numbers.
    jump(op.jumpAtLeast, 0x4000_0000, 0, 1),
    answer(errno(1)),
    ...search(ranges()),
  ];
  return Buffer.concat(program.map(encode));
}

/** Instructions of one sandbox program; exported for its size. */
interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly value: number;
}

const op = { load: 0x20, jumpEqual: 0x15, jumpAtLeast: 0x35, jumpAnySet: 0x45, and: 0x54, answer: 0x06 } as const;
const offset = { number: 0, architecture: 4, argument: (index: number) => 16 + 8 * index } as const;
const auditArchX64 = 0xc000_003e;
const errno = (number: number) => 0x0005_0000 | number;
const verdict = { allow: 0x7fff_0000, kill: 0x8000_0000, forbidden: errno(1), unknown: errno(38), badFamily: errno(97) } as const;

const load = (at: number): Instruction => ({ code: op.load, ifTrue: 0, ifFalse: 0, value: at });
const answer = (value: number): Instruction => ({ code: op.answer, ifTrue: 0, ifFalse: 0, value });
const jump = (code: number, value: number, ifTrue: number, ifFalse: number): Instruction => ({ code, ifTrue, ifFalse, value });

/** Namespace flags of clone(2): mount, cgroup, uts, ipc, user, pid, net. */
const namespaceFlags = 0x7e02_0000;
/** Terminal calls that put words into the terminal of whoever started us. Only 32 bits count: the kernel drops the others. */
const terminalInjections = [0x5412, 0x541c];

/** What decides by argument: the low half of it, in each case enough since the kernel reads an int. */
const checks: Readonly<Record<number, readonly Instruction[]>> = {
  [checkedSyscalls.clone]: [
    load(offset.argument(0)),
    jump(op.jumpAnySet, namespaceFlags, 0, 1),
    answer(verdict.forbidden),
    answer(verdict.allow),
  ],
  [checkedSyscalls.ioctl]: [load(offset.argument(1)), ...refuseValues(terminalInjections)],
  [checkedSyscalls.socket]: [
    load(offset.argument(0)),
    jump(op.jumpEqual, 1, 6, 0), // AF_UNIX
    jump(op.jumpEqual, 2, 5, 0), // AF_INET
    jump(op.jumpEqual, 10, 4, 0), // AF_INET6
    jump(op.jumpEqual, 16, 0, 2), // AF_NETLINK: only to ask for interfaces and routes
    load(offset.argument(2)),
    jump(op.jumpEqual, 0, 1, 0),
    answer(verdict.badFamily),
    answer(verdict.allow),
  ],
  [checkedSyscalls.socketpair]: [load(offset.argument(0)), ...allowValues([1], verdict.badFamily)],
  [checkedSyscalls.mknod]: [load(offset.argument(1)), ...refuseDevices()],
  [checkedSyscalls.mknodat]: [load(offset.argument(2)), ...refuseDevices()],
  [checkedSyscalls.personality]: [load(offset.argument(0)), ...allowValues([0, 0xffff_ffff], verdict.forbidden)],
};

function refuseValues(values: readonly number[]): Instruction[] {
  return [
    ...values.map((value, index) => jump(op.jumpEqual, value, values.length - index, 0)),
    answer(verdict.allow),
    answer(verdict.forbidden),
  ];
}

function allowValues(values: readonly number[], otherwise: number): Instruction[] {
  return [
    ...values.map((value, index) => jump(op.jumpEqual, value, values.length - index, 0)),
    answer(otherwise),
    answer(verdict.allow),
  ];
}

/** Pipes, sockets and plain files may be made, devices may not. */
function refuseDevices(): Instruction[] {
  return [{ code: op.and, ifTrue: 0, ifFalse: 0, value: 0xf000 }, ...refuseValues([0x2000, 0x6000])];
}

/** Consecutive numbers with the same answer. */
interface Range {
  readonly from: number;
  readonly instructions: readonly Instruction[];
}

function ranges(): Range[] {
  const verdicts: (number | readonly Instruction[])[] = Array.from({ length: lastKnownSyscall + 1 }, () => verdict.forbidden);
  for (const number of Object.values(allowedSyscalls)) verdicts[number] = verdict.allow;
  for (const number of Object.values(unknownSyscalls)) verdicts[number] = verdict.unknown;
  for (const [number, check] of Object.entries(checks)) verdicts[Number(number)] = check;
  verdicts.push(verdict.unknown);
  const found: Range[] = [];
  for (const [number, each] of verdicts.entries()) {
    if (number > 0 && each === verdicts[number - 1]) continue;
    found.push({ from: number, instructions: typeof each === "number" ? [answer(each)] : each });
  }
  return found;
}

/** Below the middle goes on, from the middle up jumps over that. A jump reaches 255 instructions, more than half of ours. */
function search(sorted: readonly Range[]): Instruction[] {
  const [only] = sorted;
  if (only === undefined) return [];
  if (sorted.length === 1) return [...only.instructions];
  const middle = sorted.length >> 1;
  const lower = search(sorted.slice(0, middle));
  const upper = search(sorted.slice(middle));
  if (lower.length > 255) throw new RangeError(`A jump over ${lower.length} instructions`);
  return [jump(op.jumpAtLeast, (sorted[middle] as Range).from, lower.length, 0), ...lower, ...upper];
}

function encode(instruction: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(instruction.code, 0);
  bytes[2] = instruction.ifTrue;
  bytes[3] = instruction.ifFalse;
  bytes.writeUInt32LE(instruction.value >>> 0, 4);
  return bytes;
}
