/** The limits of an action, and its version, as a body gives them. */
import type { Fn } from "../../model/model.ts";
import { badRequest, malformed } from "./errors.ts";
import { actionLimits } from "./limits.ts";
import type { Meta } from "./meta.ts";

/** What a body says of limits; what it leaves out is undefined. */
export interface LimitsGiven {
  readonly timeoutMs: number | undefined;
  readonly memoryMiB: number | undefined;
  readonly logsMiB: number | undefined;
  readonly concurrency: number | undefined;
  readonly instances: number | undefined;
}

type Bounds = Readonly<{ min: number; max: number }>;

/** Throws `Refusal`. */
export function readLimits(given: unknown): LimitsGiven {
  if (given === undefined || given === null) given = {};
  if (typeof given !== "object" || Array.isArray(given)) throw malformed("limits malformed!");
  const { timeout, memory, logs, concurrency, instances } = given as Readonly<Record<string, unknown>>;
  return {
    timeoutMs: whole("time", timeout, actionLimits.timeoutMs, "duration", " milliseconds"),
    memoryMiB: whole("memory", memory, actionLimits.memoryMiB, "memory size", " MB"),
    logsMiB: whole("log", logs, actionLimits.logsMiB, "log size", " MB"),
    concurrency: whole("concurrency", concurrency, actionLimits.concurrency, "concurrency", ""),
    instances: whole("instances", instances, { min: 1, max: 10_000 }, "instances", ""),
  };
}

function whole(limit: string, value: unknown, { min, max }: Bounds, name: string, unit: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") throw malformed(`${limit} limit malformed`);
  if (!Number.isInteger(value)) throw malformed(`${limit} limit must be whole number`);
  if (value < min) throw badRequest(`${name} ${value}${unit} below allowed threshold of ${min}${unit}`);
  if (value > max) throw badRequest(`${name} ${value}${unit} exceeds allowed threshold of ${max}${unit}`);
  return value;
}

const mebibyte = 1024 * 1024;

/** What a body says of the log, as a function has it; nothing where that is what is kept anyway. */
export function logLimit({ logsMiB }: Pick<LimitsGiven, "logsMiB">, stored: Pick<Fn, "logBytesMax">): Pick<Fn, "logBytesMax"> {
  if (logsMiB === actionLimits.logsMiB.default) return {};
  const logBytesMax = logsMiB === undefined ? stored.logBytesMax : logsMiB * mebibyte;
  return logBytesMax === undefined ? {} : { logBytesMax };
}

/** All of them, also of what other doors made. */
export function renderLimits(fn: Pick<Fn, "timeoutMs" | "memoryMiB" | "concurrency" | "logBytesMax">): object {
  const { timeoutMs: timeout, memoryMiB: memory, concurrency, logBytesMax } = fn;
  const logs = logBytesMax === undefined ? actionLimits.logsMiB.default : Math.ceil(logBytesMax / mebibyte);
  return { timeout, memory, logs, concurrency };
}

/** As OpenWhisk reads it: what is missing at the end is 0, and not all may be. Throws `Refusal`. */
export function readVersion(given: unknown): Meta["version"] | undefined {
  if (given === undefined || given === null) return undefined;
  const parts = typeof given === "string" && /^\d{1,9}(?:\.\d{1,9})*$/.test(given) ? given.split(".").map(Number) : [];
  const [major = 0, minor = 0, patch = 0] = parts;
  if (major + minor + patch === 0) throw malformed("semantic version malformed");
  return [major, minor, patch];
}

/** Throws `Refusal`. */
export function readFlag(name: string, given: unknown): boolean | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== "boolean") throw malformed(`${name} malformed!`);
  return given;
}
