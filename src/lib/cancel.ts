/**
 * What tells the work on a call to end. An `AbortSignal` is one too; `Cancel` exists because every call has one and hardly any uses it:
 * the event target behind an `AbortSignal`, with one listener come and gone, costs more than all else that a call keeps in memory.
 */
export interface CancelSignal {
  readonly aborted: boolean;
  /** Why; undefined while it is not aborted. */
  readonly reason: unknown;
  /** `listener` hears once. Nothing happens when it is aborted already. */
  addEventListener(type: "abort", listener: CancelListener): void;
  removeEventListener(type: "abort", listener: CancelListener): void;
}

/** A function, or an object that is to be told itself, without a closure. */
export type CancelListener = (() => void) | { handleEvent(): void };

/** Of work that nobody ends by going away. */
export const neverCancelled: CancelSignal = {
  aborted: false,
  reason: undefined,
  addEventListener() {},
  removeEventListener() {},
};

/** A signal and the way to set it off. */
export class Cancel implements CancelSignal {
  #aborted = false;
  #reason: unknown;
  // Mostly there is one.
  #listener: CancelListener | null = null;
  #more: CancelListener[] | null = null;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  addEventListener(_type: "abort", listener: CancelListener): void {
    if (this.#aborted) return;
    if (this.#listener === null) this.#listener = listener;
    else (this.#more ??= []).push(listener);
  }

  removeEventListener(_type: "abort", listener: CancelListener): void {
    if (this.#listener === listener) this.#listener = null;
    else if (this.#more !== null) this.#more = this.#more.filter((each) => each !== listener);
  }

  /** Tells all listeners, which must not throw. Only the first time counts. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const listeners = [this.#listener, ...(this.#more ?? [])];
    this.#listener = null;
    this.#more = null;
    for (const listener of listeners) {
      if (typeof listener === "function") listener();
      else listener?.handleEvent();
    }
  }
}

/** The same as the platform's own class, for interfaces that take only that. */
export function abortSignalOf(signal: CancelSignal): AbortSignal {
  if (signal instanceof AbortSignal) return signal;
  if (signal.aborted) return AbortSignal.abort(signal.reason);
  const controller = new AbortController();
  signal.addEventListener("abort", () => controller.abort(signal.reason));
  return controller.signal;
}
