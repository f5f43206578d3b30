/** What became of the rules of an event, as the log of its activation shows it. */
import type { RuleOutcome } from "../../events/events.ts";
import { type ErrorCode, PlatformError } from "../../model/error.ts";
import { namedPath } from "../../model/function-name.ts";
import { idToHex } from "../../model/id.ts";
import { refusalText } from "./errors.ts";

/** A line of such a log, from what the platform wrote. */
export function ruleLine(namespace: string, text: string): string {
  const { rule, target, activationId, error } = JSON.parse(text) as RuleOutcome;
  const names = { rule: namedPath({ namespace, app: null, name: rule }), action: namedPath(target) };
  if (activationId !== null)
    return JSON.stringify({ ...names, statusCode: 0, success: true, activationId: idToHex(activationId) });
  if (error === null) {
    const inactive = `Rule '${names.rule}' is inactive, action '${names.action}' was not activated.`;
    return JSON.stringify({ ...names, statusCode: 1, success: false, error: inactive });
  }
  const { code, message, details } = error;
  const refusal = refusalText(new PlatformError(code as ErrorCode, message, { details }));
  return JSON.stringify({ ...names, statusCode: refusal.isOurs ? 3 : 1, success: false, error: refusal.text });
}
