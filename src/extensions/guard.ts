import type { World } from "../lib/world.ts";
import { type ErrorCode, PlatformError } from "../model/error.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { RefusalCode } from "./extensions.ts";

/** One point of one extension, for messages: `Extension audit, apps.beforeCreate`. */
export interface Point {
  readonly extension: string;
  readonly point: string;
}

export interface GuardParts {
  readonly world: World;
  readonly logger: Pick<Logger, "error">;
  /** The longest that a hook is waited for, in ms. */
  readonly limitMs: number;
}

/** An extension that fails with each call must not fill the log: so many ms lie between two entries of one point. */
const logEveryMs = 1000;

const refusalCodes: Readonly<Record<RefusalCode, true>> = {
  invalid: true,
  unauthenticated: true,
  forbidden: true,
  not_found: true,
  conflict: true,
  too_large: true,
  throttled: true,
  unsupported: true,
  overloaded: true,
};

/** Stands between the platform and every hook: limits its time, and tells refusals from faults. */
export class Guard {
  readonly #parts: GuardParts;
  readonly #logged = new Map<string, { at: number; unsaid: number }>();

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** Runs a hook whose word counts. Throws its refusal, or `internal` when it failed or took too long, which is in the log then. */
  async ask<T>(at: Point, run: () => T | Promise<T>): Promise<T> {
    try {
      const result = run();
      return isPromise(result) ? await this.#inTime(at, result) : result;
    } catch (error) {
      throw this.#refusalOf(at, error);
    }
  }

  /** The same for hooks that cannot be waited for. */
  askNow<T>(at: Point, run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw this.#refusalOf(at, error);
    }
  }

  /** Tells a hook of something that stays as it is, whatever it says. Never rejects. */
  async tell(at: Point, run: () => unknown): Promise<void> {
    try {
      const result = run();
      if (isPromise(result)) await this.#inTime(at, result);
    } catch (error) {
      this.failed(at, error);
    }
  }

  /** The extension broke its word: that is logged. */
  failed(at: Point, err: unknown): void {
    const { world, logger } = this.#parts;
    const key = `${at.extension}\n${at.point}`;
    const last = this.#logged.get(key);
    const now = world.monotonic();
    if (last !== undefined && now - last.at < logEveryMs) {
      last.unsaid++;
      return;
    }
    this.#logged.set(key, { at: now, unsaid: 0 });
    const count = 1 + (last?.unsaid ?? 0);
    logger.error("An extension failed", { extension: at.extension, reason: at.point, count, err });
  }

  /** What the caller is told. */
  #refusalOf(at: Point, error: unknown): PlatformError {
    const details = { extension: at.extension };
    if (isRefusal(error)) return new PlatformError(error.code, error.message, { details });
    this.failed(at, error);
    return new PlatformError("internal", `Extension ${at.extension} failed at ${at.point}; the server's log says why`, {
      details,
    });
  }

  async #inTime<T>({ extension, point }: Point, result: PromiseLike<T>): Promise<T> {
    const { world, limitMs } = this.#parts;
    const late = Promise.withResolvers<never>();
    const stopClock = world.after(limitMs, () =>
      late.reject(new PlatformError("internal", `Extension ${extension} did not answer within ${limitMs} ms at ${point}`)),
    );
    try {
      // What comes after the limit, an error included, goes nowhere.
      return await Promise.race([result, late.promise]);
    } finally {
      stopClock();
    }
  }
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === "function";
}

/** An extension's own class of errors will do: it may come without our package. */
function isRefusal(error: unknown): error is Error & { readonly code: RefusalCode } {
  if (!(error instanceof Error)) return false;
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && Object.hasOwn(refusalCodes, code as ErrorCode);
}
