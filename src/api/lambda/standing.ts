/** What is said about functions that has to be known before their first call. */
import { limits } from "../../model/limits.ts";
import type { LambdaContext } from "./lambda.ts";

/** Reads it; to be awaited before calls are taken. */
export async function readStanding({ store, readying, reserved }: LambdaContext): Promise<void> {
  let after: string | undefined;
  do {
    const page = await store.notes.standing({ after, limit: limits.listPage.max });
    for (const notes of page.items) {
      const { functionId: id, namespace, callsMax = null } = notes;
      reserved.set({ id, namespace }, callsMax);
      await readying.resume(notes);
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
}
