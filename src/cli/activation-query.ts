import { durationMs } from "./duration.ts";
import { referenceOf } from "./reference.ts";
import type { Session } from "./session.ts";

/** The query that picks activations: of a function, since when, how they ended. */
export function activationQuery(
  session: Session,
  text: string | undefined,
  flags: { readonly status?: string; readonly since?: string },
): Record<string, string | undefined> {
  const reference = text === undefined ? undefined : referenceOf(session, text, "function");
  const from = flags.since === undefined ? undefined : String(session.around.world.now() - durationMs(flags.since, "--since"));
  return { app: reference?.app, function: reference?.name, status: flags.status, from };
}
