/**
 * Whose a thing in the kernel is, told by its name: so that what a killed server left is known as such, although nothing else
 * remembers it any more. Never says of a living server that it is dead: of processes in another namespace it says nothing.
 */
import { readFileSync, readlinkSync } from "node:fs";

/** `<instance>.<namespace of process ids>-<process>-<its start>`; the instance alone where the system does not tell these. */
export function ownedName(instance: string): string {
  const ticks = startTicks(process.pid);
  const namespace = pidNamespace();
  return ticks === null || namespace === null ? instance : `${instance}.${namespace}-${process.pid}-${ticks}`;
}

/** The process that gave the name is provably dead. A namespace's number is given anew only when all its processes are. */
export function isOfDeadOwner(name: string): boolean {
  const ticks = ticksIn(name);
  return ticks !== null && ticks.now !== ticks.begun;
}

/** The process that gave the name is there. */
export function isOfLivingOwner(name: string): boolean {
  const ticks = ticksIn(name);
  return ticks !== null && ticks.now === ticks.begun;
}

/** When the process of a name began, and when the one began that has its number now; null where that cannot be known. */
function ticksIn(name: string): { readonly begun: string; readonly now: string | null } | null {
  const [, namespace, pid, begun] = /^\w+\.(\d+)-(\d+)-(\d+)$/.exec(name) ?? [];
  return begun === undefined || namespace !== pidNamespace() ? null : { begun, now: startTicks(Number(pid)) };
}

/**
 * When a process began, in ticks since the machine started: another one may get the same id later. Null for no process, and for
 * one that is dead and only waits to be collected by its parent: that one does nothing any more.
 */
export function startTicks(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 22; the name of the program, in parentheses, may have spaces in it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function pidNamespace(): string | null {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? null;
  } catch {
    return null;
  }
}
