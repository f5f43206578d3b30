/** What every store must do, run by each implementation beside its own tests. */
import { describe, test } from "node:test";
import type { Store } from "../../src/store/store.ts";
import { testActivations } from "./store/activations.ts";
import { testApis } from "./store/apis.ts";
import { testApps } from "./store/apps.ts";
import { testCascades } from "./store/cascades.ts";
import { testTriggersAndRules } from "./store/events.ts";
import { testFunctions, testProvisioned } from "./store/functions.ts";
import { testLayers } from "./store/layers.ts";
import { testNamespacesAndKeys } from "./store/namespaces.ts";
import { testNotes } from "./store/notes.ts";
import { testRevisions } from "./store/revisions.ts";
import { testRoutes } from "./store/routes.ts";
import { testSchedules } from "./store/schedules.ts";

/** Registers the suite; `open` gives a new, empty store each time. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  const it = (title: string, run: (store: Store) => Promise<void>) =>
    test(title, async () => {
      const store = await open();
      try {
        await store.namespaces.create({ id: "n1", name: "guest", createdAt: 1 });
        await store.namespaces.create({ id: "n2", name: "other", createdAt: 2 });
        await run(store);
      } finally {
        await store.close();
      }
    });

  describe(`store contract: ${name}`, { concurrency: false }, () => {
    testNamespacesAndKeys(it);
    testApps(it);
    testFunctions(it);
    testProvisioned(it);
    testRevisions(it);
    testNotes(it);
    testLayers(it);
    testRoutes(it);
    testTriggersAndRules(it);
    testSchedules(it);
    testApis(it);
    testCascades(it);
    testActivations(it);
  });
}
