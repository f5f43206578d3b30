/** What Fn's door is given, in memory: calls run functions of the test and leave records and lines; asynchronous ones wait for ever. */
import type { FnContext } from "../src/api/fn/fn.ts";
import { Definitions } from "../src/invocation/definitions.ts";
import { Recorder } from "../src/invocation/record.ts";
import { TrailingLogs } from "../src/invocation/trailing-logs.ts";
import { createInvocation } from "../src/invocation/whole.ts";
import type { World } from "../src/lib/world.ts";
import { LogCollector } from "../src/logs/collector.ts";
import { memoryLogStore } from "../src/logs/memory/store.ts";
import { Admission } from "../src/metering/admit.ts";
import { memoryQueue } from "../src/queue/memory/queue.ts";
import { place } from "../src/scheduler/place.ts";
import type { Store } from "../src/store/store.ts";
import type { MemoryAnswer, MemoryCall } from "./memory-invoker.ts";
import { memoryInvoker } from "./memory-invoker.ts";
import { quotas } from "./quotas.ts";

/** `code` runs the synchronous calls; what it answers as `printed` is in their logs. */
export function memoryFnContext(
  store: Store,
  world: World,
  code: (call: MemoryCall) => MemoryAnswer,
): Omit<FnContext, "baseUrl" | "changed"> {
  const logs = memoryLogStore();
  const definitions = new Forgetful(store, world);
  // Never started: what is accepted stays in the queue.
  const waiting = createInvocation({
    world,
    queue: memoryQueue(world),
    definitions,
    admission: new Admission(quotas(), world),
    recorder: new Recorder(store.activations, world, () => {}),
    logs: new LogCollector({ store: logs, world }),
    trailing: new TrailingLogs(world),
    place,
    agents: () => [],
    waitMsMax: 0,
    asyncCallsMax: 1,
    busyAsyncCallsMax: 1,
    namespaceQueuedMax: 100,
    warn: () => {},
  });
  return {
    store,
    world,
    invoker: { ...memoryInvoker(store, world, code, logs), accept: (request) => waiting.invoker.accept(request) },
    calls: waiting.calls,
    logs,
    definition: (target) => definitions.load("guest", target),
    version: "1.2.3",
    namespace: "guest",
    identify: () => ({ name: "loopback", namespaces: null }),
  };
}

/** Reads everything from the store, so that nobody has to tell it of changes. */
class Forgetful extends Definitions {
  override peek(): undefined {
    return undefined;
  }
}
