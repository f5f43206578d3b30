import { createHash } from "node:crypto";
import type { Values, WantedTrigger } from "./manifest.ts";
import { Refusal, type Wire } from "./wire.ts";

/** Annotation of a trigger: what its feed was told, by which a later deploy knows whether to tell it again. */
export const fedKey = "polykiln/fed";

/** With the mark of what its feed is told. */
export function fedAnnotations({ annotations, feed, parameters }: WantedTrigger): Values {
  if (feed === null) return annotations;
  const sorted = Object.entries(parameters).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
  return { ...annotations, [fedKey]: digest };
}

/** The whole name of the feed of a stored trigger; undefined: nothing feeds it. */
export function feedOf(annotations: Values): string | undefined {
  const { feed } = annotations;
  if (typeof feed !== "string" || feed === "") return undefined;
  return feed.startsWith("/") ? feed : `/_/${feed}`;
}

/** Calls of feed actions, with the key of who deploys, as OpenWhisk's clients make them. */
export class Feeds {
  readonly #wire: Wire;
  readonly #key: () => string;

  constructor(wire: Wire, key: () => string) {
    this.#wire = wire;
    this.#key = key;
  }

  async begin(trigger: string, feed: string, parameters: Values): Promise<void> {
    await this.#tell(trigger, feed, "CREATE", parameters);
  }

  /** A feed that is gone, or does not know the trigger, has nothing to end. */
  async end(trigger: string, feed: string): Promise<void> {
    try {
      await this.#tell(trigger, feed, "DELETE", {});
    } catch (error) {
      if (!(error instanceof Refusal) || !["E_NOT_FOUND", "E_INTERNAL", "E_INVALID"].includes(error.fields.code)) throw error;
    }
  }

  async #tell(trigger: string, feed: string, lifecycleEvent: string, parameters: Values): Promise<void> {
    const triggerName = `/${this.#wire.namespace}/${trigger}`;
    try {
      await this.#wire.invoke(feed, { ...parameters, authKey: this.#key(), lifecycleEvent, triggerName });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal({ ...error.fields, what: `The feed ${feed} refused the trigger ${trigger}: ${error.fields.what}` });
    }
  }
}
