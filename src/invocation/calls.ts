import { headerOf } from "../http/headers.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { World } from "../lib/world.ts";
import type { DeadLetter, Queue, Waiting, WaitingPage } from "../queue/queue.ts";
import type { Acceptor } from "./accept.ts";
import { type CallHead, identityIn, parseHead, referenceIn } from "./call-head.ts";
import type { Consumer } from "./consumer.ts";
import { KeptCall } from "./kept-call.ts";
import type { Definition, Definitions } from "./definitions.ts";
import type { CallHooks, Calls, CallStats, DeadCall, FunctionReference, UnderwayCall } from "./invocation.ts";
import { type RunningCalls, unwanted } from "./running.ts";

/** How long `cancel` waits for the record before it answers with the mark alone, in ms. */
const recordWithinMs = 2000;

export interface CallsParts {
  readonly world: World;
  readonly queue: Queue;
  readonly consumer: Consumer;
  readonly acceptor: Acceptor;
  readonly running: RunningCalls;
  readonly definitions: Definitions;
  readonly hooks?: CallHooks | undefined;
}

/** Calls without a record, and dead letters, for the doors. */
export function createCalls(parts: CallsParts): Calls {
  const { queue } = parts;
  return {
    underway: (namespace, id) => underway(parts, namespace, id),
    listUnderway: (namespace, functionId, page) => listUnderway(parts, namespace, functionId, page),
    cancel: (namespace, id) => cancel(parts, namespace, id),
    async listDead(namespace, functionId, page) {
      const { items, next } = await queue.listDead(namespace, functionId, page);
      return { items: items.map(toDeadCall), next };
    },
    async findDead(namespace, id) {
      const letter = await queue.findDead(namespace, id);
      return letter === undefined ? undefined : toDeadCall(letter);
    },
    async deadPayload(namespace, id) {
      if ((await queue.findDead(namespace, id)) === undefined) throw noDeadCall(id);
      return await queue.body(namespace, id);
    },
    redrive: (namespace, id) => redrive(parts, namespace, id),
    removeDead: (namespace, id) => queue.removeDead(namespace, id),
    stats: () => stats(parts),
  };
}

async function underway({ queue, running }: CallsParts, namespace: string, id: string): Promise<UnderwayCall | undefined> {
  const runs = running.find(namespace, id);
  if (runs !== undefined) return runs.shown;
  const waiting = await queue.find(namespace, id);
  return waiting === undefined ? undefined : toUnderway(waiting);
}

async function listUnderway(
  { queue, running }: CallsParts,
  namespace: string,
  functionId: string,
  page: WaitingPage,
): Promise<readonly UnderwayCall[]> {
  const waiting = await queue.listWaiting(namespace, functionId, page);
  const found = new Map(waiting.map((message) => [message.id, toUnderway(message)]));
  for (const call of running.of(namespace, functionId)) {
    if (page.before === undefined || call.id < page.before) found.set(call.id, call.shown);
  }
  return [...found.values()].toSorted((one, other) => (one.id < other.id ? 1 : -1)).slice(0, page.limit);
}

function toUnderway(waiting: Waiting): UnderwayCall {
  const { leased, attempt, dueAt } = waiting;
  const head = parseHead(waiting.head);
  const state = leased ? ({ status: "running", dueAt: null } as const) : ({ status: "queued", dueAt } as const);
  return { ...identityIn(waiting, head), ...state, attempt, startedAt: head.startedAt };
}

async function cancel({ world, queue, running, consumer }: CallsParts, namespace: string, id: string): Promise<boolean> {
  const runs = running.find(namespace, id);
  const over = Promise.withResolvers<unknown>();
  const stopListening = consumer.onSettled(id, () => over.resolve(null));
  // A mark that nobody heard of must not keep the caller for ever.
  const stopClock = world.after(recordWithinMs, () => over.resolve(null));
  try {
    const isQueued = await queue.cancel(namespace, id);
    runs?.abort(unwanted());
    // One that was handed over makes its record itself.
    if (isQueued && !(runs instanceof KeptCall)) await over.promise;
    else if (runs !== undefined) await Promise.race([runs.over, over.promise]);
    return isQueued || runs !== undefined;
  } finally {
    stopClock();
    stopListening();
  }
}

async function redrive(parts: CallsParts, namespace: string, id: string): Promise<string> {
  const { world, queue } = parts;
  const letter = await queue.findDead(namespace, id);
  if (letter === undefined) throw noDeadCall(id);
  const renewedId = world.newId();
  const head = { ...parseHead(letter.head), startedAt: world.now(), event: undefined };
  await askBefore(parts, renewedId, letter, head);
  await queue.redrive(namespace, id, { id: renewedId, head: JSON.stringify(head) });
  return renewedId;
}

/** As of any call that is to be taken. Of a function that is gone nobody is asked: the record of the call says so. */
async function askBefore({ hooks, definitions }: CallsParts, id: string, letter: DeadLetter, head: CallHead): Promise<void> {
  if (hooks === undefined) return;
  const { namespace, functionId } = identityIn(letter, head);
  const definition = await definitionOf(definitions, namespace, referenceIn(functionId, head));
  if (definition !== null) await hooks.before({ id, definition, headers: head.headers, asynchronous: true });
}

async function definitionOf(
  definitions: Definitions,
  namespace: string,
  reference: FunctionReference,
): Promise<Definition | null> {
  try {
    return definitions.peek(namespace, reference) ?? (await definitions.load(namespace, reference));
  } catch (error) {
    if (asPlatformError(error).code === "not_found") return null;
    throw error;
  }
}

async function stats({ queue, consumer, acceptor }: CallsParts): Promise<CallStats> {
  const { running, paused, counts } = consumer;
  return { ...(await queue.stats()), running, paused, counts: { ...counts, accepted: acceptor.accepted } };
}

function toDeadCall(letter: DeadLetter): DeadCall {
  const head = parseHead(letter.head);
  const { bodyBytes, attempt, diedAt, failures } = letter;
  const contentType = headerOf(head.headers, "content-type") ?? null;
  return { ...identityIn(letter, head), contentType, bytes: bodyBytes, attempt, startedAt: head.startedAt, diedAt, failures };
}

function noDeadCall(id: string): PlatformError {
  return new PlatformError("not_found", `Dead letter ${id} does not exist`, { details: { what: "dead_letter" } });
}
