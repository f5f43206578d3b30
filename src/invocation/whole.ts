import type { World } from "../lib/world.ts";
import type { Queue } from "../queue/queue.ts";
import { Acceptor } from "./accept.ts";
import { createCalls } from "./calls.ts";
import { Consumer } from "./consumer.ts";
import type { Calls, Flows, Invoker } from "./invocation.ts";
import { createInvoker, type InvokerParts } from "./invoke.ts";
import { RunningCalls } from "./running.ts";
import { Traffic } from "./traffic.ts";

export interface InvocationParts extends Omit<InvokerParts, "running" | "traffic" | "flows"> {
  /** Makes what runs calls that consist of others, which it makes through `invoker`; absent: there are none. */
  readonly flows?: (invoker: Pick<Invoker, "begin">) => Flows;
  readonly queue: Queue;
  /** Asynchronous calls that run at a time: when nobody waits for an answer, and when somebody does. */
  readonly asyncCallsMax: number;
  readonly busyAsyncCallsMax: number;
  /** Asynchronous calls of one namespace that may wait. */
  readonly namespaceQueuedMax: number;
  readonly warn: (message: string, error: unknown) => void;
}

/** Synchronous and asynchronous calls of one process. */
export interface Invocation {
  readonly invoker: Required<Invoker>;
  readonly calls: Calls;
  /** Begins to run what is in the queue. */
  start(): void;
  /** Takes nothing more from the queue; what runs of it gets `graceMs` to end, and goes back into the queue then. */
  close(graceMs: number): Promise<void>;
}

/** Puts the room together. */
export function createInvocation(options: InvocationParts): Invocation {
  const running = new RunningCalls();
  const traffic = new Traffic(options.world);
  const flows = options.flows?.({ begin: (request, signal, caller) => begin(request, signal, caller) });
  const parts = { ...options, running, traffic, flows, server: serverName(options.world) };
  const { invoke, begin } = createInvoker(parts);
  const acceptor = new Acceptor(parts);
  const consumer = new Consumer({ ...parts, callsMax: options.asyncCallsMax, busyCallsMax: options.busyAsyncCallsMax });
  return {
    invoker: {
      invoke,
      begin,
      accept: (request) => acceptor.accept(request),
      acceptAll: (requests, event) => acceptor.acceptAll(requests, event),
    },
    calls: createCalls({ ...parts, acceptor, consumer }),
    start: () => consumer.start(),
    close: (graceMs) => consumer.close(graceMs),
  };
}

/** Nobody else's, and made when it is asked for. */
function serverName(world: Pick<World, "newId">): () => string {
  let name: string | undefined;
  return () => (name ??= world.newId());
}
