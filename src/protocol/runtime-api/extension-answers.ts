/** What extensions are answered where something is wrong: Lambda's names of it. Source: the runtime interface emulator's handlers. */
import { refusalText } from "./answers.ts";
import { eventTypes } from "./extension.ts";

const forbidden = (type: string, message: string) => refusalText(403, `Extension.${type}`, message);

export const namelessText = forbidden("InvalidExtensionName", "Empty extension name");
export const identifierMissingText = forbidden("MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header");
export const identifierInvalidText = forbidden("InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier");
export const registrationClosedText = forbidden("RegistrationClosed", "Extension registration closed already");
export const nameTakenText = forbidden("InvalidExtensionState", "Extension with this name already registered");
export const errorTypeMissingText = forbidden("MissingHeader", "Lambda-Extension-Function-Error-Type not found");

export function identifierUnknownText(id: string): string {
  return forbidden("UnknownExtensionIdentifier", `Unknown extension ${id}`);
}

export function tooManyText(max: number): string {
  return forbidden("TooManyExtensions", `Extension limit (${max}) reached`);
}

/** `event`: as it was sent; `isExternal`: who asked, as those within the runtime hear of no shutdown. */
export function invalidEventText(event: unknown, isExternal: boolean): string {
  const known = eventTypes.includes(event as (typeof eventTypes)[number]);
  const why = known && !isExternal ? "ShutdownEventNotSupportedForInternalExtension" : "ErrorInvalidEventType";
  return forbidden("InvalidEventType", `${String(event).slice(0, 60)}: ${why}`);
}

export function wrongStateOfText(from: string, to: string, name: string): string {
  const message = `State transition from ${from} to ${to} failed for extension ${name}. Error: State transition is not allowed`;
  return forbidden("InvalidExtensionState", message);
}

export function invalidFormatText(message: string): string {
  return refusalText(403, "InvalidRequestFormat", message);
}
