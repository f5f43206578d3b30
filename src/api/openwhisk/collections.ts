/** Packages, actions of the default package, triggers and rules of a namespace have their names in common. */
import type { Store } from "../../store/store.ts";
import { notThere, otherCollection, type Refusal } from "./errors.ts";
import type { Exchange } from "./routes.ts";

export type Collection = "actions" | "packages" | "triggers" | "rules";

const lookUps: Readonly<Record<Collection, (store: Store, namespace: string, name: string) => Promise<unknown>>> = {
  actions: ({ functions }, namespace, name) => functions.getByName(namespace, null, name),
  packages: ({ apps }, namespace, name) => apps.getByName(namespace, name),
  triggers: ({ triggers }, namespace, name) => triggers.getByName(namespace, name),
  rules: ({ rules }, namespace, name) => rules.getByName(namespace, name),
};

type Where = Pick<Exchange, "context" | "namespace">;

/** Throws `Refusal` where the name is that of something in another collection. */
export async function checkFree(where: Where, collection: Collection, name: string): Promise<void> {
  if (await isElsewhere(where, collection, name)) throw otherCollection();
}

/** Why there is nothing of that name in a collection. `absent`: where it is in none. */
export async function missingIn(
  where: Where,
  collection: Collection,
  name: string,
  absent: () => Refusal = notThere,
): Promise<Refusal> {
  return (await isElsewhere(where, collection, name)) ? otherCollection() : absent();
}

async function isElsewhere({ context, namespace }: Where, collection: Collection, name: string): Promise<boolean> {
  const others = Object.entries(lookUps).filter(([other]) => other !== collection);
  const found = await Promise.all(others.map(([, lookUp]) => lookUp(context.store, namespace, name)));
  return found.some((item) => item !== undefined);
}
