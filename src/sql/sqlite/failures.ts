/** What SQLite threw, as what a caller can be told. */
import type { ErrorCode } from "../../model/error.ts";
import { PlatformError } from "../../model/error.ts";
import type { Refusal } from "../sql.ts";
import type { Failure } from "./messages.ts";

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const busy = 5;
const ioError = 10;
const corrupt = 11;
const full = 13;
const notADatabase = 26;

/** A check of a write that did not hold; ends that write alone. */
export class RefusedError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = "RefusedError";
    this.refusal = refusal;
  }
}

/** Any thrown value as a message for the client. The cause keeps SQLite's own words, which may quote SQL. */
export function toFailure(error: unknown): Failure {
  if (error instanceof RefusedError) return error.refusal;
  if (!(error instanceof PlatformError)) return { ...describe(primaryCode(error)), cause: causeText(error) };
  const cause = error.cause === undefined ? undefined : causeText(error.cause);
  return { code: error.code, message: error.message, details: error.details, cause };
}

/** A message of the worker as the error it stands for. */
export function fromFailure(failure: Failure): PlatformError {
  const cause = failure.cause === undefined ? undefined : new Error(failure.cause);
  return new PlatformError(failure.code, failure.message, { details: failure.details ?? {}, cause });
}

function causeText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** True when the file itself is not what it should be, as opposed to a passing trouble. */
export function isDamage(error: unknown): boolean {
  const code = primaryCode(error);
  return code === corrupt || code === notADatabase;
}

/** True when somebody else holds the lock. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === busy;
}

function describe(code: number): { code: ErrorCode; message: string; details?: Record<string, unknown> } {
  switch (code) {
    case full:
      return {
        code: "overloaded",
        message: "The data folder's disk is full: nothing can be written until there is room",
        details: { reason: "disk_full" },
      };
    case ioError:
      return {
        code: "overloaded",
        message: "The data folder's disk failed: the change was not kept",
        details: { reason: "disk_error" },
      };
    case corrupt:
    case notADatabase:
      return { code: "internal", message: "The database is damaged: restore it from a backup", details: { reason: "damaged" } };
    default:
      return { code: "internal", message: "The database refused a statement", details: { reason: "sql" } };
  }
}

/** The low byte of an extended code is its kind; 0 for what SQLite did not throw. */
function primaryCode(error: unknown): number {
  if (error === null || typeof error !== "object" || !("errcode" in error)) return 0;
  return typeof error.errcode === "number" ? error.errcode & 0xff : 0;
}
