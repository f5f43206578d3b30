/**
 * A program that makes the system calls it is told to, one after the other, and ends with the first one that does not go as it should. A sandbox needs
 * a dozen of them where a shell would start a program for each, and it needs them where there is no shell. Its bytes are made here: a static
 * program for x86-64 of two hundred of them.
 *
 * It reads orders from one descriptor. An order lies in its memory as it was sent, so that the pointers in it are right as they are; what follows on
 * the descriptor is left there. Source of the layouts: elf(5), syscall(2), the x86-64 psABI.
 */
import { PlatformError } from "../../model/error.ts";

/** A system call, what may come of it, and what is said on STDERR otherwise. */
export interface Step {
  readonly call: keyof typeof numbers;
  /** Texts, bytes and lists are given by their addresses; the same bytes have the same one in all steps. */
  readonly args: readonly StepValue[];
  /** The one result that it must have, or any at all. (Default: no error) */
  readonly result?: number | "any";
  /** So many of the next steps are left out where the result is not 0: a parent leaves out what its child does. */
  readonly skip?: number;
  readonly complaint: string;
}

/** A list is words of 64 bits, one after the other, and a zero at the end. */
export type StepValue = number | string | Buffer | readonly StepValue[];

/** `look` is none: its result is the number at the address. */
const numbers = {
  look: -1,
  write: 1,
  open: 2,
  close: 3,
  dup2: 33,
  socket: 41,
  recvfrom: 45,
  sendmsg: 46,
  bind: 49,
  listen: 50,
  vfork: 58,
  execve: 59,
  wait4: 61,
  mkdir: 83,
  chown: 92,
  umask: 95,
  setgroups: 116,
  setresuid: 117,
  setresgid: 119,
  capset: 126,
  prctl: 157,
  setrlimit: 160,
  mount: 165,
  sched_setaffinity: 203,
  unshare: 272,
  pipe2: 293,
} as const;

/** Where an order lies in memory, and what fits there. Nothing of it exists before it is written. */
const orderAt = 0x1000_0000;
const orderBytesMax = 2 * 1024 * 1024;
const orderHeadBytes = 16;
const stepBytes = 96;
const codeAt = 0x40_0000;

const fileHeadBytes = 64;
const segmentHeadBytes = 56;
const headBytes = fileHeadBytes + 2 * segmentHeadBytes;

/** A result below is an error of the kernel. */
const lowest = { any: -4096, done: 0 } as const;
const highest = Number.MAX_SAFE_INTEGER;

const instructions = (descriptor: 0 | 3) => [
  "bb 00 00 00 10", //         mov ebx, orderAt
  "41 bc 08 00 00 00", //      order: mov r12d, 8     wanted: the length first
  "45 31 ed", //               xor r13d, r13d         read
  `bf 0${descriptor} 00 00 00`, //  more: mov edi, descriptor
  "4a 8d 34 2b", //            lea rsi, [rbx+r13]
  "4c 89 e2", //               mov rdx, r12
  "4c 29 ea", //               sub rdx, r13
  "31 c0", //                  xor eax, eax
  "0f 05", //                  read(edi, rsi, rdx)
  "48 83 f8 fc", //            cmp rax, -EINTR
  "74 e7", //                  je more
  "48 85 c0", //               test rax, rax
  "0f 8e 88 00 00 00", //      jle over
  "49 01 c5", //               add r13, rax
  "4d 39 e5", //               cmp r13, r12
  "72 d6", //                  jb more
  "4c 8b 23", //               mov r12, [rbx]         wanted: all of it
  "4d 39 e5", //               cmp r13, r12
  "72 ce", //                  jb more
  "48 8b 6b 08", //            mov rbp, [rbx+8]       steps left
  "4c 8d 73 10", //            lea r14, [rbx+16]      the next one
  "48 85 ed", //               step: test rbp, rbp
  "74 b8", //                  je order
  "48 ff cd", //               dec rbp
  "49 8b 06", //               mov rax, [r14]
  "49 8b 7e 08", //            mov rdi, [r14+8]
  "49 8b 76 10", //            mov rsi, [r14+16]
  "49 8b 56 18", //            mov rdx, [r14+24]
  "4d 8b 56 20", //            mov r10, [r14+32]
  "4d 8b 46 28", //            mov r8, [r14+40]
  "4d 8b 4e 30", //            mov r9, [r14+48]
  "48 83 f8 ff", //            cmp rax, -1
  "74 04", //                  je look
  "0f 05", //                  syscall
  "eb 02", //                  jmp check
  "8b 07", //                  look: mov eax, [rdi]
  "49 3b 46 38", //            check: cmp rax, [r14+56]
  "7c 20", //                  jl fail
  "49 3b 46 40", //            cmp rax, [r14+64]
  "7f 1a", //                  jg fail
  "49 8b 4e 48", //            mov rcx, [r14+72]
  "48 85 c0", //               test rax, rax
  "75 02", //                  jne skip
  "31 c9", //                  xor ecx, ecx
  "48 29 cd", //               skip: sub rbp, rcx
  "48 ff c1", //               inc rcx
  "48 6b c9 60", //            imul rcx, rcx, stepBytes
  "49 01 ce", //               add r14, rcx
  "eb ab", //                  jmp step
  "bf 02 00 00 00", //         fail: mov edi, 2
  "49 8b 76 50", //            mov rsi, [r14+80]
  "49 8b 56 58", //            mov rdx, [r14+88]
  "b8 01 00 00 00", //         mov eax, 1
  "0f 05", //                  write(2, rsi, rdx)
  "bf 7f 00 00 00", //         mov edi, 127
  "eb 05", //                  jmp end
  "bf 7d 00 00 00", //         over: mov edi, 125
  "b8 e7 00 00 00", //         end: mov eax, 231
  "0f 05", //                  exit_group(edi)
];

/** The program's file. It takes orders from this descriptor until there are none left. */
export function stepsProgram(descriptor: 0 | 3): Buffer {
  const code = Buffer.from(instructions(descriptor).join("").replaceAll(" ", ""), "hex");
  const bytes = headBytes + code.length;
  // 64 bits, little endian, version 1; an executable (2) for x86-64 (62).
  const file = Buffer.alloc(fileHeadBytes);
  file.write("7f454c46020101", "hex");
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(codeAt + headBytes), 24);
  file.writeBigUInt64LE(BigInt(fileHeadBytes), 32);
  file.writeUInt16LE(fileHeadBytes, 52);
  file.writeUInt16LE(segmentHeadBytes, 54);
  file.writeUInt16LE(2, 56);
  return Buffer.concat([file, segment("r-x", codeAt, bytes, bytes), segment("rw-", orderAt, 0, orderBytesMax), code]);
}

/** `PT_LOAD`: so many bytes from the file's beginning, and zeros up to its size. */
function segment(rights: "r-x" | "rw-", at: number, fileBytes: number, bytes: number): Buffer {
  const head = Buffer.alloc(segmentHeadBytes);
  head.writeUInt32LE(1, 0);
  head.writeUInt32LE(rights === "r-x" ? 5 : 6, 4);
  head.writeBigUInt64LE(BigInt(at), 16);
  head.writeBigUInt64LE(BigInt(at), 24);
  head.writeBigUInt64LE(BigInt(fileBytes), 32);
  head.writeBigUInt64LE(BigInt(bytes), 40);
  head.writeBigUInt64LE(0x1000n, 48);
  return head;
}

/** What it reads. Null when that is more than it takes; throws `internal` for a text with a NUL in it, which nobody could be given. */
export function stepsOrder(steps: readonly Step[]): Buffer | null {
  const data = new OrderData(orderHeadBytes + steps.length * stepBytes);
  const head = Buffer.alloc(data.end);
  let at = orderHeadBytes;
  for (const { call, args, result = "done", skip = 0, complaint } of steps) {
    writeNumber(head, numbers[call], at);
    for (const [index, value] of args.entries()) writeNumber(head, addressIn(data, value), at + 8 * (1 + index));
    writeNumber(head, typeof result === "number" ? result : lowest[result], at + 56);
    writeNumber(head, typeof result === "number" ? result : highest, at + 64);
    writeNumber(head, skip, at + 72);
    const line = data.text(`${complaint}\n`);
    writeNumber(head, line.address, at + 80);
    writeNumber(head, line.bytes, at + 88);
    at += stepBytes;
  }
  if (data.end > orderBytesMax) return null;
  writeNumber(head, data.end, 0);
  writeNumber(head, steps.length, 8);
  return Buffer.concat([head, ...data.pieces]);
}

/** 64 bits, of which the upper 32 are those of the sign where it is a whole number of fewer. */
function writeNumber(into: Buffer, value: number, at: number): void {
  into.writeUInt32LE(value >>> 0, at);
  into.writeInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

function addressIn(data: OrderData, value: StepValue): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") return data.text(`${withoutNul(value)}\0`).address;
  return Buffer.isBuffer(value) ? data.bytes(value) : data.list(value);
}

/** What the steps of an order point to; what is pointed to twice is there once. */
class OrderData {
  readonly pieces: Buffer[] = [];
  /** Bytes of the order so far. */
  end: number;
  readonly #texts = new Map<string, { readonly address: number; readonly bytes: number }>();
  readonly #placed = new Map<Buffer, number>();

  constructor(begin: number) {
    this.end = begin;
  }

  text(text: string): { readonly address: number; readonly bytes: number } {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(text);
    const placed = { address: this.#place(bytes), bytes: bytes.length };
    this.#texts.set(text, placed);
    return placed;
  }

  bytes(bytes: Buffer): number {
    const address = this.#placed.get(bytes) ?? this.#place(bytes);
    this.#placed.set(bytes, address);
    return address;
  }

  list(values: readonly StepValue[]): number {
    const list = Buffer.alloc((values.length + 1) * 8);
    for (const [index, value] of values.entries()) writeNumber(list, addressIn(this, value), index * 8);
    return this.#place(list);
  }

  #place(bytes: Buffer): number {
    // Numbers lie where the kernel wants them.
    const padding = -bytes.length & 7;
    const address = orderAt + this.end;
    this.pieces.push(bytes, nothing.subarray(0, padding));
    this.end += bytes.length + padding;
    return address;
  }
}

const nothing = Buffer.alloc(8);

function withoutNul(text: string): string {
  if (text.includes("\0")) throw new PlatformError("internal", "A command or a variable of a sandbox has a NUL in it");
  return text;
}
