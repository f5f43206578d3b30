/** The whole of `invocation/` over parts in memory and a fake agent (test/fake-agent.ts). */
import assert from "node:assert/strict";
import { after } from "node:test";
import type { AgentLink } from "../src/agent/link.ts";
import type { Caller } from "../src/auth/auth.ts";
import { createFlows } from "../src/flow/flow.ts";
import { Definitions } from "../src/invocation/definitions.ts";
import type { CallHooks } from "../src/invocation/invocation.ts";
import { Recorder } from "../src/invocation/record.ts";
import { TrailingLogs } from "../src/invocation/trailing-logs.ts";
import { createInvocation, type Invocation } from "../src/invocation/whole.ts";
import type { World } from "../src/lib/world.ts";
import { LogCollector } from "../src/logs/collector.ts";
import { memoryLogStore } from "../src/logs/memory/store.ts";
import { Admission } from "../src/metering/admit.ts";
import type { Fn } from "../src/model/model.ts";
import { memoryQueue } from "../src/queue/memory/queue.ts";
import type { Queue } from "../src/queue/queue.ts";
import { place } from "../src/scheduler/place.ts";
import { memoryStore } from "../src/store/memory/store.ts";
import { fakeAgent } from "./fake-agent.ts";
import { quotas } from "./quotas.ts";

/** Who may call everything. */
export const everyone: Caller = { name: "everyone", namespaces: null };

const giveUpMs = 20_000;

interface Options {
  readonly world: World;
  readonly queue?: Queue;
  readonly asyncCallsMax?: number;
  readonly namespaceQueuedMax?: number;
  readonly hooks?: CallHooks;
  /** Calls of a namespace at a time. */
  readonly callsMax?: number;
  /** Instead of a fake agent. */
  readonly link?: AgentLink;
}

/** `started` is a new process on the same queue and store; it ends with the test. */
export async function assembledInvocation(fns: readonly Fn[], options: Options) {
  const { world, queue = memoryQueue(world) } = options;
  const store = memoryStore();
  for (const name of new Set(["guest", ...fns.map(({ namespace }) => namespace)]))
    await store.namespaces.create({ id: world.newId(), name, createdAt: 0 });
  for (const fn of fns) await store.functions.create(fn);
  const logs = new LogCollector({ store: memoryLogStore(), world });
  const recorder = new Recorder(store.activations, world, () => {});
  const definitions = new Definitions(store, world);
  const warnings: string[] = [];
  const started = (): Invocation => {
    const { agent } = fakeAgent();
    const { link = agent } = options;
    const invocation = createInvocation({
      world,
      definitions,
      admission: new Admission(quotas(options.callsMax), world),
      place,
      agents: () => [{ id: link.agentId, memoryMiB: agent.memoryMiB, accepting: true, link }],
      recorder,
      logs,
      trailing: new TrailingLogs(world),
      waitMsMax: 2000,
      queue,
      asyncCallsMax: options.asyncCallsMax ?? 8,
      busyAsyncCallsMax: 1,
      namespaceQueuedMax: options.namespaceQueuedMax ?? 1000,
      warn: (message) => warnings.push(message),
      hooks: options.hooks,
      flows: (invoker) =>
        createFlows({
          world,
          invoker,
          definition: (namespace, target) => definitions.peek(namespace, target) ?? definitions.load(namespace, target),
          failureText: ({ message }) => message,
        }),
    });
    after(async () => {
      await invocation.close(0);
      await agent.close(0);
    });
    return invocation;
  };
  return { store, queue, logs, recorder, definitions, warnings, started };
}

/** Looks again until something is there. */
export async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = performance.now() + giveUpMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(performance.now() < giveUpAt, "it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
