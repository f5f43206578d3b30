/** What a schema can't say: sizes in bytes, and the grammar of names that this door creates. */
import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import type { Annotations, byNamespace, Delivery, Egress, Fn } from "../../model/model.ts";

/** Only for creating: names of other doors are taken as they are. */
export function checkName(what: "namespace" | "app" | "function" | "route", name: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.@-]*$/.test(name) && name.length <= limits.nameBytesMax && name !== "_") return;
  throw invalid(
    "name",
    `The name of the ${what} is ${JSON.stringify(name.slice(0, 60))}, must be 1 to ${limits.nameBytesMax} letters, digits or _ . - @, begin with a letter, digit or _, and not be _ alone`,
  );
}

export function checkConfig(config: Readonly<Record<string, string>>): void {
  let bytes = 0;
  for (const [name, value] of Object.entries(config)) {
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
      throw invalid(
        "config",
        `config.${name.slice(0, 60)} is no name of an environment variable: letters, digits, _ . and -, no digit first`,
      );
    }
    if (value.includes("\u0000")) throw invalid("config", `config.${name} contains a zero character`);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  checkBytes("config", bytes, limits.config.bytesMax);
}

export function checkParameters(parameters: Readonly<Record<string, unknown>>): void {
  checkBytes("parameters", Buffer.byteLength(JSON.stringify(parameters)), limits.parameters.bytesMax);
}

/** Annotations as they are kept: JSON text by key. */
export function checkAnnotations(given: Readonly<Record<string, unknown>>): Annotations {
  const { countMax, keyBytesMax, valueBytesMax } = limits.annotations;
  const entries = Object.entries(given).map(([key, value]) => [key, JSON.stringify(value)] as const);
  if (entries.length > countMax)
    throw invalid("annotations", `annotations has ${entries.length} keys, must have at most ${countMax}`);
  for (const [key, text] of entries) {
    const keyBytes = Buffer.byteLength(key);
    if (keyBytes < 1 || keyBytes > keyBytesMax || !/^[!-~]+$/.test(key)) {
      throw invalid(
        "annotations",
        `annotations.${key.slice(0, 60)} is no key: 1 to ${keyBytesMax} printable ASCII characters without spaces`,
      );
    }
    checkBytes(`annotations.${key}`, Buffer.byteLength(text), valueBytesMax);
  }
  return Object.fromEntries(entries);
}

/** Lists are of `HOST:PORT`, an IPv6 address in brackets; `platform` is the platform's own API, `internet` what one may reach without a list. */
export function checkEgress(egress: Egress | typeof byNamespace): void {
  if (typeof egress === "string") return;
  for (const entry of egress) {
    const port = Number(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):(\d{1,5})$/.exec(entry)?.[2]);
    if (entry !== "platform" && entry !== "internet" && !(port >= 1 && port <= 65_535))
      throw invalid(
        "egress",
        `egress has ${JSON.stringify(entry.slice(0, 60))}, must be HOST:PORT, such as api.example.com:443, or platform, or internet`,
      );
  }
}

/** Destinations are functions of the same namespace, as `app/name`; whether they exist shows when they are called. */
export function checkDelivery(delivery: Partial<Delivery>): void {
  for (const field of ["onSuccess", "onFailure", "deadLetter"] as const) {
    const name = delivery[field] ?? null;
    if (name !== null && !/^[^/]+\/[^/]+$/.test(name))
      throw invalid(
        `delivery.${field}`,
        `delivery.${field} is ${JSON.stringify(name.slice(0, 60))}, must be APP/FUNCTION, or _/FUNCTION without an app`,
      );
  }
}

/** Of a whole function: only sandboxes that serve several calls can be kept ready, and not more than may exist. */
export function checkProvisioned({ provisioned, sandboxesMax, isolation, protocol, source }: Fn): void {
  if (provisioned > 0 && source.type === "sequence")
    throw invalid("provisioned", `provisioned is ${provisioned}, must be 0: a sequence has no sandboxes of its own`);
  if (provisioned > sandboxesMax)
    throw invalid("provisioned", `provisioned is ${provisioned}, must be at most ${sandboxesMax}: that is sandboxesMax`);
  const cause = isolation === "fresh" ? "isolation fresh" : protocol === "stdio" ? "protocol stdio" : null;
  if (provisioned > 0 && cause !== null)
    throw invalid("provisioned", `provisioned is ${provisioned}, must be 0: with ${cause} each call has a sandbox of its own`);
}

function checkBytes(field: string, bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) throw invalid(field, `${field} has ${bytes} bytes, must have at most ${bytesMax}`);
}

export function invalid(field: string, message: string): PlatformError {
  return new PlatformError("invalid", message, { details: { field } });
}

/** A time that was given, in milliseconds since the epoch. `where`: what it is a field of. Throws `invalid`. */
export function timeIn(where: "query" | "body", field: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(ms))
    throw invalid(
      field,
      `${where} ${field} is ${JSON.stringify(text.slice(0, 60))}, must be RFC 3339 or milliseconds since the epoch`,
    );
  return ms;
}
