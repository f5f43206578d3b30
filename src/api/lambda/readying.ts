/** Makes revisions ready whose code takes its time, behind the answer of who deployed them: packages, compilers, images. */
import { untilAborted } from "../../lib/until-aborted.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import type { FnNotes, FnReadying } from "../../model/fn-notes.ts";
import type { App, Fn } from "../../model/model.ts";
import type { LambdaContext } from "./lambda.ts";

type ReadyingParts = Pick<
  LambdaContext,
  "store" | "notes" | "images" | "packages" | "holdCalls" | "changed" | "expect" | "failed"
>;

interface Work {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/**
 * Each function has one such revision at most: it *waits* (`failure` null), or it *failed* and stays so until another one is deployed. Its calls are
 * refused meanwhile; those that name no revision go to the one before, if that could be called. What waits is in the store before anybody reads of it,
 * and goes on after a crash.
 */
export class Readying {
  readonly #parts: ReadyingParts;
  readonly #known = new Map<string, FnReadying>();
  readonly #works = new Map<string, Work>();
  #closed = false;

  constructor(parts: ReadyingParts) {
    this.#parts = parts;
  }

  /** Of this revision; null: it is ready. */
  of({ id, revision }: Pick<Fn, "id" | "revision">): FnReadying | null {
    const known = this.#known.get(id);
    return known?.revision === revision ? known : null;
  }

  /** Whether some revision of the function waits: no other may be written through this door. */
  waitsFor(id: string): FnReadying | null {
    const known = this.#known.get(id);
    return known?.failure === null ? known : null;
  }

  /** Says of a revision that is about to be written that it is not ready, in memory at once. A new function is written before. */
  async note(fn: Pick<Fn, "id" | "name" | "namespace">, readying: FnReadying): Promise<void> {
    this.#know(fn, readying);
    await this.#parts.notes.change(fn, (notes) => ({ ...notes, readying }));
  }

  /** The revision is written: makes it ready, and says so then. */
  begin(fn: Fn, app: App | null): void {
    if (this.#closed) return;
    this.#works.get(fn.id)?.stop.abort();
    const stop = new AbortController();
    const done = this.#run(fn, app, stop.signal).catch((error: unknown) => this.#parts.failed?.(error));
    const work = { stop, done };
    this.#works.set(fn.id, work);
    void done.then(() => {
      if (this.#works.get(fn.id) === work) this.#works.delete(fn.id);
    });
  }

  /** What was noted before this process began. */
  async resume({ namespace, functionId, readying }: FnNotes): Promise<void> {
    if (readying === undefined) return;
    const { apps, functions } = this.#parts.store;
    const fn = await functions.get(namespace, functionId);
    if (fn === undefined) return;
    // It was never written, or another one was since.
    if (fn.revision !== readying.revision) return await this.forget(fn);
    this.#know(fn, readying);
    const app = fn.appId === null ? null : ((await apps.get(namespace, fn.appId)) ?? null);
    if (readying.failure === null) this.begin(fn, app);
  }

  /** Nothing of the function is waited for any more, or it is gone. */
  async forget(fn: Pick<Fn, "id" | "namespace">): Promise<void> {
    this.drop(fn.id);
    await this.#parts.notes.change(fn, withoutReadying);
  }

  /** The function is gone. */
  drop(id: string): void {
    this.#works.get(id)?.stop.abort();
    this.#known.delete(id);
    this.#parts.holdCalls(id, 0, null);
  }

  /** What is not ready goes on at the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    const works = [...this.#works.values()];
    for (const { stop } of works) stop.abort();
    await Promise.all(works.map(({ done }) => done));
  }

  #know(fn: Pick<Fn, "id" | "name">, readying: FnReadying): void {
    this.#known.set(fn.id, readying);
    this.#parts.holdCalls(fn.id, readying.revision, notReady(fn.name, readying));
  }

  async #run(fn: Fn, app: App | null, signal: AbortSignal): Promise<void> {
    let failure: FnReadying["failure"] = null;
    try {
      await this.#make(fn, signal);
    } catch (error) {
      const { code, message } = asPlatformError(error);
      if (code === "internal") this.#parts.failed?.(error);
      failure = { code, message };
    }
    if (signal.aborted) return;
    try {
      await this.#settle(fn, app, failure);
    } catch (error) {
      // It was removed meanwhile.
      if (asPlatformError(error).code !== "not_found") throw error;
      this.drop(fn.id);
    }
  }

  async #make({ id, namespace, revision, source }: Fn, signal: AbortSignal): Promise<void> {
    const { images, packages } = this.#parts;
    if (source.type === "code") await packages?.install(source, namespace, signal);
    else await untilAborted(images.prepare(source, id, revision), signal);
  }

  async #settle(fn: Fn, app: App | null, failure: FnReadying["failure"]): Promise<void> {
    const { store, notes, changed, expect } = this.#parts;
    const readying = this.of(fn);
    if (readying === null) return;
    if (failure !== null) return await this.note(fn, { ...readying, failure });
    this.#known.delete(fn.id);
    this.#parts.holdCalls(fn.id, fn.revision, null);
    const newest = await store.functions.get(fn.namespace, fn.id);
    // Calls go to it from now on, unless there is a newer one.
    if (readying.before !== null && newest?.revision === fn.revision) await store.functions.setTraffic(fn.namespace, fn.id, []);
    const { versions } = await notes.change(fn, withoutReadying);
    const revisions = [newest?.revision ?? fn.revision, ...versions.map(({ revision }) => revision)];
    changed({ namespace: fn.namespace, functionId: fn.id, revisions });
    expect?.({ ...fn, traffic: [] }, app);
  }
}

function withoutReadying(notes: FnNotes): FnNotes {
  const { readying, ...others } = notes;
  return readying === undefined ? notes : others;
}

/** What its callers are told through any door. */
function notReady(name: string, { before, failure }: FnReadying): PlatformError {
  const state = failure === null ? "Pending" : "Failed";
  const what = before === null ? `Function ${name}` : `The newest revision of function ${name}`;
  const why = failure === null ? "is being made ready; try again in a moment" : `could not be made ready: ${failure.message}`;
  return new PlatformError("conflict", `${what} ${why}`, { details: { reason: "not_ready", state } });
}
