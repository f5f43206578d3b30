/** The parts of the platform that an extension may stand for. */
import { PlatformError } from "../model/error.ts";
import type { LogStore } from "../logs/logs.ts";
import type { Fn, Route } from "../model/model.ts";
import type { Queue } from "../queue/queue.ts";
import type { SandboxDriver } from "../sandbox/sandbox.ts";
import type { Placement } from "../scheduler/scheduler.ts";
import type { Store } from "../store/store.ts";
import type { Extension, Replacement } from "./extensions.ts";
import type { Guard } from "./guard.ts";

/** Parts that are made at the start. */
export interface Ports {
  readonly store: Store;
  readonly queue: Queue;
  readonly logStore: LogStore;
  readonly sandboxDriver: SandboxDriver;
}

/** What each must have, by name: what it lacks would show in the middle of work. */
const methods: Readonly<Record<keyof Ports, readonly string[]>> = {
  store: ["namespaces", "keys", "apps", "functions", "routes", "triggers", "rules", "activations", "close"],
  queue: words(
    "send onSent lanes waitingCount receive body extend settle cancel find listWaiting listDead findDead redrive removeDead pruneDead stats",
  ),
  logStore: ["append", "read", "list", "prune"],
  sandboxDriver: ["name", "create", "close"],
};

function words(text: string): readonly string[] {
  return text.split(" ");
}

/** The extension's part if one brings it, else our own. Throws `invalid` when it cannot be made or is none. */
export async function chosen<Kind extends keyof Ports>(
  kind: Kind,
  extensions: readonly Extension[],
  own: () => Ports[Kind] | Promise<Ports[Kind]>,
): Promise<Ports[Kind]> {
  const extension = extensions.find((one) => one[kind] !== undefined);
  if (extension === undefined) return await own();
  const make = extension[kind] as unknown as Replacement<Ports[Kind]>;
  let port: Ports[Kind];
  try {
    port = await make(async () => await own());
  } catch (cause) {
    throw unusable(extension, kind, `could not be made: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  const lacking = methods[kind].filter((name) => (port as unknown as Readonly<Record<string, unknown>>)?.[name] === undefined);
  if (lacking.length > 0) throw unusable(extension, kind, `has no ${lacking.join(", ")}`);
  return port;
}

/** The extension's placement; where it throws or names an agent that is not there, our own decides, and the log says so. */
export function chosenPlacement(extensions: readonly Extension[], own: Placement, guard: Guard): Placement {
  const extension = extensions.find(({ placement }) => placement !== undefined);
  if (extension?.placement === undefined) return own;
  const { name, placement } = extension;
  const at = { extension: name, point: "placement" };
  return (fn, agents, extensionsOfCall) => {
    try {
      const decision = placement(fn, agents, extensionsOfCall);
      if ("refused" in decision || agents.some(({ id }) => id === decision.agentId)) return decision;
      guard.failed(at, new Error(`It chose agent ${JSON.stringify(decision.agentId)}, which is none`));
    } catch (error) {
      guard.failed(at, error);
    }
    return own(fn, agents, extensionsOfCall);
  };
}

/** Under which URLs functions and routes are shown; undefined where no extension says so. */
export interface ShownUrls {
  fn(fn: Fn, url: string): string;
  trigger(route: Route, url: string): string;
}

export function shownUrls(extensions: readonly Extension[], guard: Guard): ShownUrls | undefined {
  const extension = extensions.find(({ urlAnnotator }) => urlAnnotator !== undefined);
  if (extension?.urlAnnotator === undefined) return undefined;
  const { name, urlAnnotator } = extension;
  const ask = (point: string, url: string, say: () => string | void) => {
    const said = guard.askNow({ extension: name, point: `urlAnnotator.${point}` }, say);
    return typeof said === "string" ? said : url;
  };
  return {
    fn: (fn, url) => ask("fn", url, () => urlAnnotator.fn?.(fn, url)),
    trigger: (route, url) => ask("trigger", url, () => urlAnnotator.trigger?.(route, url)),
  };
}

function unusable({ name }: Extension, kind: string, why: string, cause?: unknown): PlatformError {
  return new PlatformError(
    "invalid",
    `Extension ${name} can't be used: its ${kind} ${why}. To mend it: see docs/reference/extensions.md, or leave the extension out.`,
    { cause },
  );
}
