import { PlatformError } from "../../model/error.ts";

/** The engine did not do what it was asked. Its own words may name folders of the machine: they are for the platform's log. */
export class EngineError extends PlatformError {
  /** Of its answer; null: there was none, the engine is away. */
  readonly status: number | null;
  /** In the engine's words, or what was wrong with the way to it. */
  readonly reason: string;

  constructor(purpose: string, status: number | null, reason: string, cause?: unknown) {
    const message =
      status === null
        ? `Docker could not be asked to ${purpose}: ${reason}`
        : `Docker could not ${purpose} (status ${status}); the server's log has its reason`;
    super("internal", message, { cause: new Error(`Docker could not ${purpose}: ${reason}`, { cause }) });
    this.status = status;
    this.reason = reason;
  }
}

/** Whether there was no engine to ask. */
export function isAway(error: unknown): boolean {
  return error instanceof EngineError && error.status === null;
}

/** Whether the engine says that what was asked for is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof EngineError && error.status === 404;
}

/** Whether the engine says that it cannot be done now: a container uses the image, or runs, or does not. */
export function isRefused(error: unknown): boolean {
  return error instanceof EngineError && error.status === 409;
}

/** An answer that is a refusal: `{"message": "..."}`, or `{"error": "..."}` in the middle of a stream. */
export function refusal(purpose: string, status: number, text: string): EngineError {
  return new EngineError(purpose, status, reasonIn(text));
}

function reasonIn(text: string): string {
  try {
    const { message, error } = JSON.parse(text) as { message?: string; error?: string };
    return message ?? error ?? text;
  } catch {
    return text.trim();
  }
}
