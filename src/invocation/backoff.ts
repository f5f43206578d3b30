import type { Delivery } from "../model/model.ts";
import { limits } from "../model/limits.ts";

/** After a failure that is ours, in ms: soon, and not all at once. */
const platformMs = 2000;

/** How long a call waits for its next attempt: doubled for each attempt made, the last half of it by chance. */
export function backoffMs(delivery: Delivery, attempt: number, random: number): number {
  const whole = Math.min(delivery.backoffMs * 2 ** (attempt - 1), limits.delivery.backoffMs.max);
  return Math.round(whole * (0.5 + random / 2));
}

/** How long a call waits that could not be run by no fault of its own. */
export function platformBackoffMs(random: number): number {
  return Math.round(platformMs * (0.5 + random));
}
