/** Apps as a namespace sees them: its own, those of others that are published, and what its bindings stand for. */
import { PlatformError } from "../model/error.ts";
import type { App, Fn } from "../model/model.ts";
import type { Apps } from "../store/store.ts";

export interface SharedApp {
  /** The one that has the functions. */
  readonly app: App;
  /** What led to it; null: it was named itself. */
  readonly binding: App | null;
}

/**
 * An app by its name in `owner`, for calls and readers in `namespace`. Throws `not_found` with `details.what` "app" for one that the namespace itself
 * lacks, `forbidden` with `details.app` for one of another namespace that is not published, or not there: nobody learns which. A binding is its
 * namespace's alone. `reads` hears the namespace of an app before it is read.
 */
export async function sharedApp(
  apps: Pick<Apps, "getByName">,
  namespace: string,
  owner: string,
  name: string,
  reads: (owner: string) => void = () => {},
): Promise<SharedApp> {
  reads(owner);
  const named = await apps.getByName(owner, name);
  if (owner !== namespace) {
    if (named?.published !== true || named.binding !== undefined) throw notShared(owner, name);
    return { app: named, binding: null };
  }
  if (named === undefined) throw noApp(name);
  if (named.binding === undefined) return { app: named, binding: null };
  const { app } = await provided(apps, namespace, named, reads);
  return { app, binding: named };
}

/** What a binding stands for. A provider that became a binding itself is none any more. */
async function provided(
  apps: Pick<Apps, "getByName">,
  namespace: string,
  { binding = { namespace, name: "" }, name }: App,
  reads: (owner: string) => void,
): Promise<{ readonly app: App }> {
  reads(binding.namespace);
  const app = await apps.getByName(binding.namespace, binding.name);
  const isOwn = binding.namespace === namespace;
  if (app !== undefined && app.binding === undefined && (isOwn || app.published === true)) return { app };
  throw isOwn ? noApp(binding.name) : notShared(namespace, name);
}

/** How a call got to a function that is not simply one of its namespace. */
export interface Share {
  /** The namespace of the function; absent: the call's own. */
  readonly provider?: string;
  /** Name of the app through which it was called, a binding. */
  readonly binding?: string;
}

/** A function as calls run it. */
export interface SharedFn {
  readonly fn: Fn;
  readonly app: App;
  /** Absent: a function of the namespace, called by its own name. */
  readonly share?: Share;
}

/**
 * A function of an app as calls in `namespace` run it: in that namespace, with the parameters and the environment of the app and the binding under its
 * own. The very same objects where there is nothing to add.
 */
export function sharedFn(fn: Fn, { app, binding }: SharedApp, namespace: string): SharedFn {
  const merged = withAppParameters(fn, app, binding);
  if (binding === null && namespace === fn.namespace) return { fn: merged, app };
  const share = {
    ...(namespace === fn.namespace ? {} : { provider: fn.namespace }),
    ...(binding === null ? {} : { binding: binding.name }),
  };
  if (binding === null) return { fn: { ...merged, namespace }, app, share };
  return {
    // Sandboxes have the settings of the binding.
    fn: { ...merged, namespace, variant: `${binding.id}.${binding.revision}` },
    app: {
      ...app,
      config: { ...app.config, ...binding.config },
      parameters: { ...app.parameters, ...binding.parameters },
    },
    share,
  };
}

/** A function with the parameters of its app, and of a binding over those, under its own. */
export function withAppParameters(fn: Fn, app: App | null, binding: App | null = null): Fn {
  if (app?.parameters === undefined && binding?.parameters === undefined) return fn;
  return { ...fn, parameters: { ...plainOf(app), ...plainOf(binding), ...fn.parameters } };
}

/** Those that are not there for the environment alone. */
function plainOf(app: App | null): Fn["parameters"] {
  const { parameters = {}, config = {} } = app ?? {};
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !Object.hasOwn(config, name)));
}

function noApp(name: string): PlatformError {
  return new PlatformError("not_found", `App ${name} does not exist`, { details: { what: "app" } });
}

function notShared(namespace: string, app: string): PlatformError {
  const message = `App ${app} of namespace ${namespace} is not shared with you, or does not exist`;
  return new PlatformError("forbidden", message, { details: { namespace, app } });
}
