/** Functions that are told of calls: ARNs for clients, `app/name` in the model. */
import { invalidParameter } from "./errors.ts";
import { isAbsent, type Json, objectIn, textIn } from "./fields.ts";
import { arnOf, type Identity, latest, nameIn, shownName } from "./names.ts";

/** `what`: as an error calls it. Null: nobody. Throws `Refusal` for what is no function here. */
export function destinationNamed(arn: string | undefined, identity: Identity, what: string): string | null {
  if (arn === undefined || arn === "") return null;
  if (!/^arn:aws[a-z-]*:lambda:/.test(arn))
    throw invalidParameter(`The ${what} ${arn.slice(0, 200)} is none that this server has: only functions of its own are called`);
  const { app, name, qualifier } = nameIn(encodeURIComponent(arn), null, identity);
  if (qualifier !== null && qualifier !== latest)
    throw invalidParameter(`A ${what} is a function as it is, not a version or an alias of it`);
  return `${app ?? "_"}/${name}`;
}

export function destinationArn(destination: string, identity: Identity): string {
  const slash = destination.indexOf("/");
  const app = destination.slice(0, slash);
  return arnOf(identity, shownName(app === "_" ? null : app, destination.slice(slash + 1)));
}

/** `DeadLetterConfig`; undefined: it says nothing of it. Throws `Refusal`. */
export function deadLetterIn(body: Json, identity: Identity): string | null | undefined {
  const config = objectIn(body, "DeadLetterConfig");
  if (isAbsent(config)) return undefined;
  return destinationNamed(textIn(config, "TargetArn"), identity, "dead letter target");
}
