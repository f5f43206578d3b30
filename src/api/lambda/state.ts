/** `State` and `LastUpdateStatus`, with their reasons. */
import type { ErrorCode } from "../../model/error.ts";
import type { FnReadying } from "../../model/fn-notes.ts";

/** Of a revision; null: it can be called. One that takes the place of another leaves that one active. */
export function stateOf(readying: FnReadying | null): object {
  if (readying === null) return { State: "Active", LastUpdateStatus: "Successful" };
  const { before, failure } = readying;
  const status = failure === null ? "InProgress" : "Failed";
  const [reason, code] =
    failure === null
      ? ["The function is being created.", "Creating"]
      : [failure.message, reasonCodes[failure.code] ?? "InternalError"];
  const update = { LastUpdateStatus: status, LastUpdateStatusReason: reason, LastUpdateStatusReasonCode: code };
  if (before !== null) return { State: "Active", ...update };
  return { State: failure === null ? "Pending" : "Failed", StateReason: reason, StateReasonCode: code, ...update };
}

/** Of those that clients know. */
const reasonCodes: Partial<Readonly<Record<ErrorCode, string>>> = {
  build_failed: "FunctionError",
  function_start_failed: "InvalidImage",
  invalid: "InvalidImage",
  not_found: "ImageDeleted",
  registry_failed: "ImageAccessDenied",
  pull_timeout: "ImageAccessDenied",
};
