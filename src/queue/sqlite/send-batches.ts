import { asPlatformError } from "../../model/error.ts";
import type { NewMessage } from "../queue.ts";

/** What one batch holds at most, so that its transaction stays short. A larger message goes alone. */
const messagesMax = 1000;
const bytesMax = 32 * 1024 * 1024;

interface Sending {
  readonly messages: readonly NewMessage[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Messages that come while others are being written wait for them and go together: one message to the database's thread, and one
 * commit, for all of them.
 */
export class SendBatches {
  readonly #insert: (messages: readonly NewMessage[]) => Promise<void>;
  #waiting: Sending[] = [];
  #writing = false;

  constructor(insert: (messages: readonly NewMessage[]) => Promise<void>) {
    this.#insert = insert;
  }

  /** Resolves when the messages are durable. */
  add(messages: readonly NewMessage[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ messages, resolve, reject });
      if (!this.#writing) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    // What is sent in the same turn goes together too.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#writeOne();
    this.#writing = false;
  }

  async #writeOne(): Promise<void> {
    const batch = this.#next();
    try {
      await this.#insert(batch.flatMap(({ messages }) => messages));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      const failure = asPlatformError(error);
      for (const { reject } of batch) reject(failure);
    }
  }

  #next(): Sending[] {
    let count = 0;
    let bytes = 0;
    let index = 0;
    for (const { messages } of this.#waiting) {
      count += messages.length;
      for (const { body } of messages) bytes += body.length;
      if (index > 0 && (count > messagesMax || bytes > bytesMax)) break;
      index++;
    }
    return this.#waiting.splice(0, index);
  }
}
