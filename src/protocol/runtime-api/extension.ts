import type { Connection } from "./connection.ts";
import { jsonAnswer } from "./answers.ts";

/** What an extension may ask to hear. */
export const eventTypes = ["INVOKE", "SHUTDOWN"] as const;
export type EventType = (typeof eventTypes)[number];

/** An event as extensions get it: its JSON. */
export interface ExtensionEvent {
  readonly id: string;
  readonly text: string;
}

/**
 * One extension. An external one is *started* until it registers; a *registered* one has not polled yet. Then it is *ready* while it polls, and *running*
 * from an event to its next poll. It has *failed* when it says so, and *ended* when its process has.
 */
export class Extension {
  readonly name: string;
  /** By which its requests are told from those of others. */
  readonly id: string;
  /** A program of its own, in `/opt/extensions`; others are part of the runtime. */
  readonly isExternal: boolean;
  state: "started" | "registered" | "ready" | "running" | "failed" | "ended" = "started";
  #events: ReadonlySet<EventType> = new Set();
  #poll: Connection | null = null;
  readonly #waiting: ExtensionEvent[] = [];

  constructor(name: string, id: string, isExternal: boolean) {
    this.name = name;
    this.id = id;
    this.isExternal = isExternal;
  }

  get events(): readonly EventType[] {
    return [...this.#events];
  }

  hears(event: EventType): boolean {
    return this.#events.has(event) && this.state !== "failed" && this.state !== "ended";
  }

  /** Nothing was given to it that it has not dealt with. */
  get isIdle(): boolean {
    return this.state !== "running" && this.#waiting.length === 0;
  }

  /** It asked for more after the last event that it gets. */
  get hasLeft(): boolean {
    return this.state === "ended" || (this.state === "ready" && this.isIdle);
  }

  register(events: readonly EventType[]): void {
    this.#events = new Set(events);
    this.state = "registered";
  }

  /** Its next event is wanted: of a poll that was given up its end may come later than the one that takes its place. */
  poll(connection: Connection): void {
    this.#poll = connection;
    this.state = "ready";
    const event = this.#waiting.shift();
    if (event !== undefined) this.#give(event);
  }

  tell(event: ExtensionEvent): void {
    if (this.#poll === null) this.#waiting.push(event);
    else this.#give(event);
  }

  closed(connection: Connection): void {
    if (this.#poll === connection) this.#poll = null;
  }

  #give({ id, text }: ExtensionEvent): void {
    const poll = this.#poll;
    this.#poll = null;
    this.state = "running";
    poll?.answer(jsonAnswer(200, text, [`Lambda-Extension-Event-Identifier: ${id}`]));
  }
}
