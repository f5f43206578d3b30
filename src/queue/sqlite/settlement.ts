import type { WriteStatement } from "../../sql/sql.ts";
import { withFailure } from "../failures.ts";
import type { Leases } from "../leases.ts";
import type { NewMessage, Outcome } from "../queue.ts";
import { type Again, deleteMessages, type Given, insertMessages, moveToDead, putBack } from "./queries.ts";

/** What receivers said, as one transaction, and the messages that go out with it. All receipts are valid. */
export function settlement(
  outcomes: readonly Outcome[],
  leases: Leases,
  now: number,
): { readonly statements: readonly WriteStatement[]; readonly sent: readonly NewMessage[] } {
  const done: string[] = [];
  const large: string[] = [];
  const again: Again[] = [];
  const given: Given[] = [];
  const sent: NewMessage[] = [];
  for (const outcome of outcomes) {
    const { id } = outcome.receipt;
    const lease = leases.valid(outcome.receipt);
    if (lease === undefined) continue;
    if (outcome.type !== "retry") sent.push(...outcome.send);
    if (outcome.type === "ack") {
      done.push(id);
      if (lease.large) large.push(id);
      continue;
    }
    const failuresJson = JSON.stringify(withFailure(lease.failures, outcome.failure));
    if (outcome.type === "bury") given.push({ id, failuresJson });
    else again.push({ id, dueAt: now + outcome.afterMs, uncounted: outcome.counted ? 0 : 1, failuresJson });
  }
  const statements = [...deleteMessages(done, large), ...putBack(again), ...moveToDead(given, now), ...insertMessages(sent, now)];
  return { statements, sent };
}
