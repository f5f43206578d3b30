/** Statuses and texts of web actions, besides those of the whole door (`../errors.ts`). */
import { Refusal } from "../errors.ts";

/** Of answers for which the action gives none. */
export const status = { ok: 200, noContent: 204, errorsFrom: 300 } as const;

/** Those that an action may answer with: with a smaller one an answer does not end. */
export const statusRange = { min: 200, max: 599 } as const;

export const invalidMedia = (type: string) => new Refusal(400, `Response is not valid '${type}'.`);
export const noProperty = () => new Refusal(404, "Response does not include requested property.");
export const unknownType = () => new Refusal(400, "Response did not specify a known content-type.");
export const otherType = () => new Refusal(400, "Response type in header did not match generated content type.");
export const failed = () => new Refusal(400, "There was an error processing your request.");
export const notReady = () => new Refusal(202, "Response not yet ready.");
export const notAcceptable = (type: string) =>
  new Refusal(406, `Resource representation is only available with these types:\n${type}`);
/** Without a challenge: whoever made the action says what is wanted. */
export const unauthorized = () =>
  new Refusal(401, "The resource requires authentication, which was not supplied with the request");
