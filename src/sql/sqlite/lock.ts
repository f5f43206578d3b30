/**
 * One process per database. The lock is an exclusive transaction on an empty SQLite file beside it (`store.lock`): the kernel
 * drops it with the process, however that ends, and the database itself stays readable for an operator's own tools.
 */
import { DatabaseSync } from "node:sqlite";
import { PlatformError } from "../../model/error.ts";
import { isBusy } from "./failures.ts";

/** Long enough for a killed predecessor to be torn down by the kernel. */
const waitMs = 500;

/** Takes the lock; the returned function gives it back. Throws `conflict`, naming `holderPid` when it is known. */
export function takeLock(databasePath: string, holderPid: () => number | undefined): () => void {
  const lock = new DatabaseSync(`${databasePath.replace(/\.db$/, "")}.lock`, { timeout: waitMs });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw inUse(databasePath, holderPid(), error);
  }
  return () => lock.close();
}

function inUse(path: string, pid: number | undefined, cause: unknown): PlatformError {
  const holder = pid === undefined ? "another server" : `another server (pid ${pid})`;
  const message = `${path} is in use by ${holder}. Stop that server, or start this one on a data folder of its own`;
  return new PlatformError("conflict", message, { details: pid === undefined ? {} : { pid }, cause });
}
