import { type BodySink, type BodySource, readBody } from "../lib/body.ts";
import type { World } from "../lib/world.ts";
import type { Admission } from "../metering/admit.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import { limits } from "../model/limits.ts";
import type { NewMessage, Queue } from "../queue/queue.ts";
import { ByteRoom } from "./byte-room.ts";
import { callHead } from "./call-head.ts";
import { type CausingEvent, recordedEvent, withEvent } from "./caused-by.ts";
import type { Definition, Definitions } from "./definitions.ts";
import type { FailedCall } from "./dispatch.ts";
import { admitted } from "./invoke.ts";
import { type Accepted, type AcceptedCalls, type CallHooks, type InvokeRequest, revisionIn } from "./invocation.ts";
import { QueueRoom } from "./queue-room.ts";
import type { Recorder } from "./record.ts";
import type { Traffic } from "./traffic.ts";

/** Bodies that are in memory at a time until they are on the disk. */
const bytesMax = 4 * limits.requestBytesMax;

export interface AcceptorParts {
  readonly world: World;
  readonly definitions: Definitions;
  readonly admission: Admission;
  readonly recorder: Recorder;
  readonly traffic: Traffic;
  readonly queue: Pick<Queue, "send" | "waitingCount">;
  /** What this server is called in the heads of messages; no other one is. */
  readonly server: () => string;
  /** Calls of one namespace that may wait in the queue. */
  readonly namespaceQueuedMax: number;
  readonly hooks?: CallHooks | undefined;
  /** Hears of every call that was refused. */
  readonly failed?: ((error: PlatformError, call: FailedCall) => void) | undefined;
}

/** Takes calls to run later. */
export class Acceptor {
  readonly #parts: AcceptorParts;
  readonly #room = new ByteRoom(bytesMax);
  readonly #queueRoom: QueueRoom;
  accepted = 0;

  constructor(parts: AcceptorParts) {
    this.#parts = parts;
    this.#queueRoom = new QueueRoom(parts.queue, parts.namespaceQueuedMax);
  }

  /** Resolves when the call is durable; until then it was never there. */
  async accept(request: InvokeRequest): Promise<Accepted> {
    const found = this.#entry(request);
    const entry = found instanceof Promise ? await found : found;
    if (entry instanceof PlatformError) throw entry;
    await this.#send([entry]);
    return { activationId: entry.message.id };
  }

  /**
   * Takes several calls at once: all that are not refused become durable together. Says of each, in their order, what became of it. Rejects where none could
   * be written. `event`: as `Invoker.acceptAll` has it.
   */
  async acceptAll(requests: readonly InvokeRequest[], event?: CausingEvent): Promise<AcceptedCalls> {
    const found = requests.map((request) => this.#entry(request));
    const entries = found.some((entry) => entry instanceof Promise)
      ? await Promise.all(found)
      : (found as (Entry | PlatformError)[]);
    const calls = entries.map((entry) => (entry instanceof PlatformError ? entry : { activationId: entry.message.id }));
    const entered = entries.filter((entry): entry is Entry => !(entry instanceof PlatformError));
    if (event === undefined) await this.#send(entered);
    else await this.#sendCaused(entered, event, event.rules(calls));
    return calls;
  }

  /** The event's record goes with the first of them; where there is none it has to be on the disk by itself. */
  async #sendCaused([first, ...others]: readonly Entry[], event: CausingEvent, rules: string): Promise<void> {
    const { recorder, server } = this.#parts;
    const { record, result } = recordedEvent(event, rules);
    if (first === undefined) return await recorder.append([record], new Map([[record.id, result]]));
    const { head, body } = first.message;
    const message = { ...first.message, head: withEvent(head, event, rules, server(), body) };
    await this.#send([{ ...first, message }, ...others]);
    recorder.add(record, result);
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    const { world, queue } = this.#parts;
    if (entries.length === 0) return;
    try {
      await queue.send(entries.map(({ message }) => message));
      world.crashPoint?.("enqueue");
      this.accepted += entries.length;
    } catch (cause) {
      const error = asPlatformError(cause);
      for (const { message } of entries) this.#tellFailed(message.namespace, error);
      throw error;
    } finally {
      for (const entry of entries) this.#leave(entry);
    }
  }

  /** A call that is about to be written, or why it is not; at once where nothing has to be waited for: a promise costs it a turn. */
  #entry(request: InvokeRequest): Entry | PlatformError | Promise<Entry | PlatformError> {
    try {
      const found = admitted(this.#parts, request);
      if (!(found instanceof Promise)) return this.#entered(request, found);
      return found
        .then((definition) => this.#entered(request, definition))
        .catch((cause: unknown) => this.#refused(request, cause));
    } catch (cause) {
      return this.#refused(request, cause);
    }
  }

  #entered(request: InvokeRequest, definition: Definition): Entry | PlatformError | Promise<Entry | PlatformError> {
    const { namespace } = request;
    this.#enter(namespace);
    const place = { namespace, reservation: new Reservation(this.#room) };
    const give = (cause: unknown) => {
      this.#leave(place);
      return this.#refused(request, cause);
    };
    try {
      const id = this.#parts.world.newId();
      const read = this.#read(request, definition, id, place.reservation);
      const entry = (bytes: Buffer) => Object.assign(place, { message: this.#message(request, definition, id, bytes) });
      return read instanceof Promise ? read.then(entry).catch(give) : entry(read);
    } catch (cause) {
      return give(cause);
    }
  }

  #enter(namespace: string): void {
    const { admission, traffic } = this.#parts;
    this.#queueRoom.enter(namespace);
    try {
      admission.enter(namespace);
    } catch (error) {
      this.#queueRoom.leave(namespace);
      throw error;
    }
    traffic.enter();
  }

  #leave({ namespace, reservation }: Pick<Entry, "namespace" | "reservation">): void {
    this.#queueRoom.leave(namespace);
    this.#parts.admission.leave(namespace);
    this.#parts.traffic.leave();
    reservation.end();
  }

  #refused(request: InvokeRequest, cause: unknown): PlatformError {
    request.body.cancel();
    const error = asPlatformError(cause);
    this.#tellFailed(request.namespace, error);
    return error;
  }

  #tellFailed(namespace: string, error: PlatformError): void {
    this.#parts.failed?.(error, { namespace, activationId: null, traceId: null });
  }

  /** Its body, once extensions have let it pass. */
  #read(
    { headers, body }: InvokeRequest,
    definition: Definition,
    id: string,
    reservation: Reservation,
  ): Buffer | Promise<Buffer> {
    const { hooks } = this.#parts;
    if (hooks === undefined) return reservation.read(body);
    return hooks.before({ id, definition, headers, asynchronous: true }).then(() => reservation.read(body));
  }

  #message({ target, headers, http }: InvokeRequest, definition: Definition, id: string, body: Buffer): NewMessage {
    const { fn } = definition;
    const head = callHead(definition, {
      headers,
      http,
      startedAt: this.#parts.world.now(),
      pinned: revisionIn(target),
      chain: 0,
    });
    const { ageMsMax } = fn.delivery;
    return { id, namespace: fn.namespace, lane: fn.id, head: JSON.stringify(head), body, delayMs: 0, ageMsMax };
  }
}

/** A call on its way to the queue. */
interface Entry {
  readonly namespace: string;
  readonly message: NewMessage;
  readonly reservation: Reservation;
}

/** The room of one body: all of it at once where its length is known, else as it comes. */
class Reservation {
  readonly #room: ByteRoom;
  #bytes = 0;

  constructor(room: ByteRoom) {
    this.#room = room;
  }

  read(body: BodySource): Buffer | Promise<Buffer> {
    if (body.bytes === undefined) return readBody(this.#counted(body), limits.requestBytesMax, tooLarge);
    if (body.bytes > limits.requestBytesMax) return readBody(body, limits.requestBytesMax, tooLarge);
    if (!this.#take(body.bytes)) throw tooManyBytes();
    return body.take?.() ?? readBody(body, limits.requestBytesMax, tooLarge);
  }

  end(): void {
    this.#room.give(this.#bytes);
  }

  #take(bytes: number): boolean {
    const taken = this.#room.tryTake(bytes);
    if (taken) this.#bytes += bytes;
    return taken;
  }

  #counted(body: BodySource): BodySource {
    const pipe = (sink: BodySink) =>
      body.pipe({
        chunk: (data) => {
          if (this.#take(data.length)) return sink.chunk(data);
          body.cancel();
          sink.fail(tooManyBytes());
          return false;
        },
        end: () => sink.end(),
        fail: (error) => sink.fail(error),
      });
    return { bytes: undefined, pipe, resume: () => body.resume(), cancel: () => body.cancel() };
  }
}

function tooLarge(): PlatformError {
  return new PlatformError("too_large", `The request's body is over the limit of ${limits.requestBytesMax} bytes`);
}

function tooManyBytes(): PlatformError {
  return new PlatformError("overloaded", "Too many large requests are being written to the disk; try again", {
    details: { limit: "acceptBytes", retryAfterS: 1 },
  });
}
