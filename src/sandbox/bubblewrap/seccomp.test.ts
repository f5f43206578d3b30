import assert from "node:assert/strict";
import { test } from "node:test";
import { seccompFilter } from "./seccomp.ts";

const filter = seccompFilter("x64");
const x64 = 0xc000_003e;

/** Runs the filter as the kernel would. Source of the codes: linux/bpf_common.h. */
function verdict(number: number, args: readonly number[] = [], architecture = x64): string {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(architecture, 4);
  for (const [index, value] of args.entries()) data.writeBigUInt64LE(BigInt(value), 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; ; at += 8) {
    const value = filter.readUInt32LE(at + 4);
    const [ifTrue, ifFalse] = [filter[at + 2] as number, filter[at + 3] as number];
    const holds = { 0x15: accumulator === value, 0x35: accumulator >= value, 0x45: (accumulator & value) !== 0 };
    const code = filter.readUInt16LE(at);
    if (code === 0x06) return answers[value] ?? `errno ${value & 0xffff}`;
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x54) accumulator = (accumulator & value) >>> 0;
    else at += 8 * (holds[code as keyof typeof holds] ? ifTrue : ifFalse);
  }
}

const answers: Readonly<Record<number, string>> = { 0x7fff_0000: "allow", 0x8000_0000: "kill" };
const forbidden = "errno 1";
const unknown = "errno 38";
const badFamily = "errno 97";

function check(number: number, args: readonly number[], expected: string): void {
  assert.equal(verdict(number, args), expected, `call ${number} with ${args.join()}`);
}

test("what every program needs is allowed", () => {
  for (const number of [0, 1, 9, 10, 59, 60, 202, 231, 257, 262, 318, 332, 334, 439]) check(number, [], "allow");
});

test("what leads out is forbidden, and what libraries try first is unknown", () => {
  for (const number of [101, 155, 161, 165, 166, 246, 248, 250, 272, 298, 304, 308, 321, 323, 428, 442])
    check(number, [], forbidden);
  for (const number of [425, 426, 427, 435, 468, 1000, 0x3fff_ffff]) check(number, [], unknown);
  for (const number of [0x4000_0000, 0x4000_0001, 0xffff_ffff]) check(number, [], forbidden);
});

test("arguments decide where they must", () => {
  check(56, [0x003d_0f00], "allow");
  for (const flag of [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000])
    check(56, [flag | 17], forbidden);
  for (const family of [1, 2, 10]) check(41, [family, 1, 0], "allow");
  for (const family of [0, 3, 9, 11, 17, 31, 38, 40]) check(41, [family, 1, 0], badFamily);
  check(41, [16, 3, 0], "allow");
  check(41, [16, 3, 12], badFamily);
  check(53, [1, 1, 0], "allow");
  check(53, [40, 1, 0], badFamily);
  check(16, [0, 0x5401], "allow");
  for (const command of [0x5412, 0x541c, 0x1_0000_5412]) check(16, [0, command], forbidden);
  check(133, [0, 0x11a4], "allow");
  for (const mode of [0x21b6, 0x61b6]) check(133, [0, mode], forbidden);
  check(259, [0, 0, 0x61b6], forbidden);
  for (const persona of [0, 0xffff_ffff]) check(135, [persona], "allow");
  check(135, [0x0004_0000], forbidden);
});

test("a call by another door of the kernel is deadly", () => {
  assert.equal(verdict(20, [], 0x4000_0003), "kill");
});

test("there is no filter for machines whose numbers we do not have", () => {
  assert.throws(() => seccompFilter("arm64"), { code: "unsupported" });
});
