import { hash, timingSafeEqual } from "node:crypto";
import type { Fn } from "../../../model/model.ts";

/** `user`: whose key came with the request. `secret`: what came in its place. */
export interface Shown {
  readonly user: string | null;
  readonly secret: string | undefined;
}

/** Whether who asks may call it: `require-whisk-auth` wants a key (true), or a text or number in a header of its own. */
export function mayCall({ annotations }: Pick<Fn, "annotations">, { user, secret }: Shown): boolean {
  const required = annotations["require-whisk-auth"];
  if (required === undefined || required === "false") return true;
  if (required === "true") return user !== null;
  const expected: unknown = JSON.parse(required);
  const isSecret = typeof expected === "string" || typeof expected === "number";
  return isSecret && secret !== undefined && isSame(typeof expected === "string" ? expected : required, secret);
}

/** Takes as long, however much of it is right. */
function isSame(expected: string, given: string): boolean {
  return timingSafeEqual(hash("sha256", expected, "buffer"), hash("sha256", given, "buffer"));
}
