/** The function that a request names. */
import type { App, Fn } from "../../model/model.ts";
import { functionNotFound, invalidParameter } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { arnOf, type Identity, type LambdaName, latest, shownName } from "./names.ts";

/** A function, with the app that it is in. */
export interface FoundFunction {
  readonly fn: Fn;
  readonly app: App | null;
}

/** Throws `Refusal`. */
export async function functionNamed({
  context,
  namespace,
  function: named,
}: Pick<Exchange, "context" | "namespace" | "function">): Promise<FoundFunction> {
  const { apps, functions } = context.store;
  const app = named.app === null ? null : await apps.getByName(namespace, named.app);
  const fn =
    app === undefined || app?.binding !== undefined
      ? undefined
      : await functions.getByName(namespace, app?.id ?? null, named.name);
  if (fn === undefined || app === undefined) throw functionNotFound(arnIn(context.identity, named));
  return { fn, app };
}

/** Of what can be changed: a version can't. Throws `Refusal`. */
export async function unqualified(exchange: Exchange): Promise<FoundFunction> {
  const { qualifier } = exchange.function;
  if (qualifier !== null && qualifier !== latest)
    throw invalidParameter(`The operation is supported on $LATEST only, not on ${qualifier}`);
  return await functionNamed(exchange);
}

export function arnIn(identity: Identity, { app, name, qualifier }: LambdaName): string {
  return arnOf(identity, shownName(app, name), qualifier);
}
