import { open } from "node:fs/promises";

/** Machine numbers of the ELF header that people really pack, by Node's names for them. */
const machines: Readonly<Record<number, string>> = { 3: "ia32", 40: "arm", 62: "x64", 183: "arm64", 243: "riscv64" };
const headBytes = 4096;
const segmentInterpreter = 3;

/**
 * Why the kernel here would not start a file, or null. A dynamic program in an empty root ends with "No such file or
 * directory", which tells nobody that its loader is meant; hence this look ahead. (elf(5))
 */
export async function elfProblem(file: string, staticOnly: boolean): Promise<string | null> {
  const head = await headOf(file);
  if (head.toString("hex", 0, 2) === "2321") {
    return staticOnly ? "it is a script, and the kind has no interpreters; use native:1" : null;
  }
  if (head.length < 64 || head.toString("hex", 0, 4) !== "7f454c46")
    return "it is neither a program for Linux nor a script that begins with #!";
  if (head[4] !== 2 || head[5] !== 1) return "it is not a 64-bit little-endian program";
  const machine = machines[head.readUInt16LE(18)] ?? "another machine";
  if (machine !== process.arch) return `it is built for ${machine}, and this machine is ${process.arch}`;
  if (staticOnly && isDynamic(head)) return "it needs shared libraries; build it with CGO_ENABLED=0, or use native:1";
  return null;
}

function isDynamic(head: Buffer): boolean {
  const start = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  for (let i = 0; i < count; i++) {
    const at = start + i * size;
    if (at + 4 > head.length) return false;
    if (head.readUInt32LE(at) === segmentInterpreter) return true;
  }
  return false;
}

async function headOf(file: string): Promise<Buffer> {
  const handle = await open(file, "r");
  try {
    const buffer = Buffer.alloc(headBytes);
    const { bytesRead } = await handle.read(buffer, 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
