/**
 * Hands over messages at least once, each to one receiver at a time.
 *
 * Promises: what `send` and `settle` resolved is as durable as the implementation can make it (SQLite: synced to disk); a message
 * is there until it is acknowledged, dead-lettered or removed; a receiver has it on lease, and one whose lease ran out is
 * handed over again, marked *suspect*; what a receiver says with an old receipt is ignored; leases, delays and ages are not
 * moved by steps of the clock. Large bodies are not part of what is received. Deliberately absent: what a message means, who is
 * served first (the receiver chooses among `lanes`), how often to try (it says `retry` or `bury`).
 */
/** Bodies up to this are handed over with their message; larger ones are asked for with `body`. */
export const inlineBytesMax = 16 * 1024;

/** Where messages wait in order: one for each function, and another one for its suspect messages. */
export interface Lane {
  readonly namespace: string;
  readonly name: string;
  /** The receiver of these messages ended without a word: one of them may have been the cause. */
  readonly suspect: boolean;
}

export interface NewMessage {
  /** Chosen by the sender, and never used twice. */
  readonly id: string;
  readonly namespace: string;
  readonly lane: string;
  /** JSON text of a few KiB. */
  readonly head: string;
  readonly body: Uint8Array;
  /** Handed over only after this, in ms. */
  readonly delayMs: number;
  /** Marked as expired when it is older, in ms. */
  readonly ageMsMax: number;
}

/** Names one handing over of a message. */
export interface Receipt {
  readonly id: string;
  /** Rises with each handing over. */
  readonly lease: number;
}

/** A message as its receiver gets it. */
export interface Delivery {
  readonly receipt: Receipt;
  readonly id: string;
  readonly lane: Lane;
  readonly head: string;
  /** Null when it is large: `body` has it. */
  readonly body: Uint8Array | null;
  readonly bodyBytes: number;
  /** Handings over that count, this one included. */
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  readonly expired: boolean;
  /** Somebody does not want it any more. */
  readonly cancelled: boolean;
  /** What is kept of it is not what was sent. */
  readonly damaged: boolean;
  /** What the attempts before said, oldest first. */
  readonly failures: readonly Failure[];
}

/** Why an attempt failed; safe to show. */
export interface Failure {
  readonly attempt: number;
  readonly at: number;
  readonly code: string;
  readonly message: string;
}

/** What a receiver says of a message; `send` goes out with it, all or nothing. */
export type Outcome =
  | { readonly type: "ack"; readonly receipt: Receipt; readonly send: readonly NewMessage[] }
  /** Again, after a while. `counted` false: this attempt was none. */
  | {
      readonly type: "retry";
      readonly receipt: Receipt;
      readonly afterMs: number;
      readonly counted: boolean;
      readonly failure: Failure | null;
    }
  | {
      readonly type: "bury";
      readonly receipt: Receipt;
      readonly failure: Failure | null;
      readonly send: readonly NewMessage[];
    };

/** A message that has not been acknowledged. */
export interface Waiting {
  readonly id: string;
  readonly namespace: string;
  readonly lane: string;
  readonly head: string;
  readonly leased: boolean;
  readonly attempt: number;
  readonly sentAt: number;
  /** Not handed over before. */
  readonly dueAt: number;
  readonly cancelled: boolean;
}

export interface WaitingPage {
  readonly before?: string | undefined;
  readonly limit: number;
}

/** A message that was given up. */
export interface DeadLetter {
  readonly id: string;
  readonly namespace: string;
  readonly lane: string;
  readonly head: string;
  readonly bodyBytes: number;
  readonly attempt: number;
  readonly sentAt: number;
  readonly diedAt: number;
  readonly failures: readonly Failure[];
}

/** `next` is the `after` of the following page, null when there is none. */
export interface DeadLetters {
  readonly items: readonly DeadLetter[];
  readonly next: string | null;
}

/** Which dead letters are kept. */
export interface DeadLetterLimits {
  /** Those that were given up since, in milliseconds since the epoch. */
  readonly since: number;
  /** And of each namespace at most so many, its newest. */
  readonly countMax: number;
}

export interface QueueStats {
  /** Messages that wait, delayed ones included. */
  readonly ready: number;
  readonly leased: number;
  readonly deadLetters: number;
  /** Age of the oldest message that is not dead, in ms; 0 when there is none. */
  readonly oldestMs: number;
}

/** Rejections are PlatformErrors: `overloaded` with `details.reason` when there is no room on the disk. */
export interface Queue {
  send(messages: readonly NewMessage[]): Promise<void>;
  /** As if it had been sent, and its sender had received it at once: nobody else gets it unless the lease runs out. */
  hold(message: NewMessage, leaseMs: number): Promise<Receipt>;
  /** Calls `wake` whenever something may have become due that was not before. */
  onSent(wake: () => void): void;
  /** Where something is due, and how long until something else is, in ms (null: nothing waits). */
  lanes(): Promise<{ readonly due: readonly Lane[]; readonly nextMs: number | null }>;
  /** Messages of a namespace that wait, delayed ones included; from memory, and right from the start on. */
  waitingCount(namespace: string): number;
  /** Takes at most `limit` due messages of a lane on lease, in the order they became due; cancelled ones first. */
  receive(lane: Lane, limit: number, leaseMs: number): Promise<readonly Delivery[]>;
  /** The body of a message, received or dead. Rejects with `internal` when it is not what was sent, `not_found` when it is gone. */
  body(namespace: string, id: string): Promise<Uint8Array>;
  extend(receipts: readonly Receipt[], leaseMs: number): Promise<void>;
  /** Each outcome is all or nothing, and so are all together. Resolves with the ids whose receipt was not valid any more. */
  settle(outcomes: readonly Outcome[]): Promise<readonly string[]>;
  /** Marks a message, which is then due at once unless it is on lease. False when there is none. */
  cancel(namespace: string, id: string): Promise<boolean>;
  find(namespace: string, id: string): Promise<Waiting | undefined>;
  /** Those of one lane as of one moment, by id, the greatest first; `before`: only ids that are less. */
  listWaiting(namespace: string, lane: string, page: WaitingPage): Promise<readonly Waiting[]>;
  /** Those of one lane, or of all when it is undefined, newest first. `after`: the `next` of the page before. */
  listDead(
    namespace: string,
    lane: string | undefined,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<DeadLetters>;
  findDead(namespace: string, id: string): Promise<DeadLetter | undefined>;
  /** Puts a dead letter back under a new id, with no attempts made and a new age. Rejects with `not_found`. */
  redrive(namespace: string, id: string, renewed: { readonly id: string; readonly head: string }): Promise<void>;
  /** Rejects with `not_found`. */
  removeDead(namespace: string, id: string): Promise<void>;
  /** Removes a few of the dead letters that are not to be kept, oldest first; how many it were, 0 when none is left. */
  pruneDead(keep: DeadLetterLimits): Promise<number>;
  stats(): Promise<QueueStats>;
}
