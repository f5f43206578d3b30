import { type BodySink, type BodySource, readBody } from "../lib/body.ts";
import type { World } from "../lib/world.ts";
import type { Admission } from "../metering/admit.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import { limits } from "../model/limits.ts";
import type { NewMessage, Queue } from "../queue/queue.ts";
import { ByteRoom } from "./byte-room.ts";
import { callHead } from "./call-head.ts";
import type { Definition, Definitions } from "./definitions.ts";
import type { FailedCall } from "./dispatch.ts";
import { admitted } from "./invoke.ts";
import { type Accepted, type CallHooks, type InvokeRequest, revisionIn } from "./invocation.ts";
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
    const { namespace } = request;
    try {
      const found = admitted(this.#parts, request);
      const definition = found instanceof Promise ? await found : found;
      this.#queueRoom.enter(namespace);
      try {
        return await this.#counted(request, definition);
      } finally {
        this.#queueRoom.leave(namespace);
      }
    } catch (cause) {
      request.body.cancel();
      const error = asPlatformError(cause);
      this.#parts.failed?.(error, { namespace, activationId: null, traceId: null });
      throw error;
    }
  }

  /**
   * Takes several calls at once: all that are not refused become durable together. Says of each, in their order, what became of it. Rejects where none could
   * be written.
   */
  async acceptAll(requests: readonly InvokeRequest[]): Promise<readonly (Accepted | PlatformError)[]> {
    const entries = await Promise.all(requests.map((request) => this.#entry(request)));
    const entered = entries.flatMap((entry) => (entry instanceof PlatformError ? [] : [entry]));
    try {
      if (entered.length > 0) await this.#parts.queue.send(entered.map(({ message }) => message));
    } finally {
      for (const entry of entered) this.#leave(entry);
    }
    this.#parts.world.crashPoint?.("enqueue");
    this.accepted += entered.length;
    return entries.map((entry) => (entry instanceof PlatformError ? entry : { activationId: entry.message.id }));
  }

  /** A call that is about to be written, or why it is not. */
  async #entry(request: InvokeRequest): Promise<Entry | PlatformError> {
    const { namespace } = request;
    const undo: (() => void)[] = [];
    try {
      const found = admitted(this.#parts, request);
      const definition = found instanceof Promise ? await found : found;
      this.#queueRoom.enter(namespace);
      undo.push(() => this.#queueRoom.leave(namespace));
      this.#parts.admission.enter(namespace);
      undo.push(() => this.#parts.admission.leave(namespace));
      const reservation = new Reservation(this.#room);
      undo.push(() => reservation.end());
      const message = await this.#message(request, definition, reservation);
      this.#parts.traffic.enter();
      return { namespace, message, reservation };
    } catch (cause) {
      for (const step of undo) step();
      request.body.cancel();
      const error = asPlatformError(cause);
      this.#parts.failed?.(error, { namespace, activationId: null, traceId: null });
      return error;
    }
  }

  #leave({ namespace, reservation }: Entry): void {
    this.#queueRoom.leave(namespace);
    this.#parts.admission.leave(namespace);
    this.#parts.traffic.leave();
    reservation.end();
  }

  async #counted(request: InvokeRequest, definition: Definition): Promise<Accepted> {
    const { admission, traffic } = this.#parts;
    admission.enter(request.namespace);
    traffic.enter();
    try {
      return await this.#keep(request, definition);
    } finally {
      admission.leave(request.namespace);
      traffic.leave();
    }
  }

  async #keep(request: InvokeRequest, definition: Definition): Promise<Accepted> {
    const { world, queue } = this.#parts;
    const reservation = new Reservation(this.#room);
    try {
      const message = await this.#message(request, definition, reservation);
      await queue.send([message]);
      world.crashPoint?.("enqueue");
      this.accepted++;
      return { activationId: message.id };
    } finally {
      reservation.end();
    }
  }

  async #message(request: InvokeRequest, definition: Definition, reservation: Reservation): Promise<NewMessage> {
    const { world, hooks } = this.#parts;
    const { target, headers, http, body } = request;
    const { fn } = definition;
    const id = world.newId();
    await hooks?.before({ id, definition, headers, asynchronous: true });
    const bytes = await reservation.read(body);
    const pinned = revisionIn(target);
    const head = callHead(definition, { headers, http, startedAt: world.now(), pinned, chain: 0 });
    const { ageMsMax } = fn.delivery;
    return { id, namespace: fn.namespace, lane: fn.id, head: JSON.stringify(head), body: bytes, delayMs: 0, ageMsMax };
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

  read(body: BodySource): Promise<Buffer> {
    if (body.bytes === undefined) return readBody(this.#counted(body), limits.requestBytesMax, tooLarge);
    if (body.bytes <= limits.requestBytesMax && !this.#take(body.bytes)) throw tooManyBytes();
    return readBody(body, limits.requestBytesMax, tooLarge);
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
