/** The failures of a message, kept short: a message that fails a hundred times must not grow by it. */
import { PlatformError } from "../model/error.ts";
import type { Failure } from "./queue.ts";

const failuresMax = 10;
const messageCharactersMax = 1000;

/** With one more, the oldest going first. */
export function withFailure(failures: readonly Failure[], failure: Failure | null): readonly Failure[] {
  if (failure === null) return failures;
  const short = { ...failure, message: failure.message.slice(0, messageCharactersMax) };
  return [...failures, short].slice(-failuresMax);
}

export function noDeadLetter(id: string): PlatformError {
  return new PlatformError("not_found", `Dead letter ${id} does not exist`, { details: { what: "dead_letter" } });
}

export function noMessage(id: string): PlatformError {
  return new PlatformError("not_found", `Message ${id} is not in the queue`, { details: { what: "message" } });
}

export function damagedBody(id: string): PlatformError {
  return new PlatformError("internal", `The payload of ${id} is damaged: it is not what was sent`, {
    details: { reason: "damaged" },
  });
}
