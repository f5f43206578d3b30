/** How the texts of settings are read. Each throws an error whose message says, after the text, what is wrong with it. */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { PlatformError } from "../model/error.ts";

export const text = (value: string) => value;

/** A full path, because other processes are told of it, which work elsewhere. */
export function folder(value: string): string {
  if (value === "" || value.includes("\0")) throw new Error("is not the name of a folder");
  return resolve(value);
}

export function folderOrNone(value: string): string {
  return value === "" ? "" : folder(value);
}

export function baseUrl(value: string): string {
  if (value !== "" && !/^https?:$/.test(URL.parse(value)?.protocol ?? "")) throw new Error("is not a URL that begins with http");
  return value;
}

/** Parts with commas between; nothing is no part. */
export function each<T>(parse: (part: string) => T): (value: string) => readonly T[] {
  return (value) =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "")
      .map(parse);
}

export function address(value: string): string {
  if (isIP(value) === 0) throw new Error("has something that is no IP address");
  return value;
}

export function network(value: string): string {
  const [begin = "", bits = "", ...more] = value.split("/");
  const bitsMax = isIP(begin) === 4 ? 32 : 128;
  if (isIP(begin) === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > bitsMax) {
    throw new Error("is not ADDRESS/BITS, such as 10.1.0.0/16");
  }
  return value;
}

/** As a browser writes it. */
export function origin(value: string): string {
  const url = value === "*" ? null : URL.parse(value);
  if (value !== "*" && (url === null || !/^https?:$/.test(url.protocol) || value.toLowerCase() !== url.origin))
    throw new Error("is no origin, such as https://app.example");
  return value.toLowerCase();
}

export function headerName(value: string): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value)) throw new Error("has something that is no name of a header");
  return value;
}

export function linkNetwork(value: string): string {
  if (!network(value).includes(".") || Number(value.split("/")[1]) > 30)
    throw new Error("is not an IPv4 network of at most 30 bits");
  return value;
}

/** Labels of letters, digits and hyphens, without a port. */
export function domainOrNone(value: string): string {
  if (!/^(?:[0-9a-z-]+(?:\.[0-9a-z-]+)*)?$/i.test(value) || isIP(value) !== 0)
    throw new Error("is no host name, such as web.example.org");
  return value.toLowerCase();
}

export function hostAndPort(value: string): string {
  const port = Number(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):(\d{1,5})$/.exec(value)?.[1] ?? 0);
  if (port < 1 || port > 65_535) throw new Error("is not HOST:PORT, such as files.example.com:443");
  return value;
}

export function oneOf<T extends string>(...values: readonly T[]): (value: string) => T {
  return (value) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new Error(`is none of ${values.join(", ")}`);
    return found;
  };
}

/** `what`: what has that shape. */
export function matching(shape: RegExp, what: string): (value: string) => string {
  return (value) => {
    if (!shape.test(value)) throw new Error(`is not ${what}`);
    return value;
  };
}

export function whole(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max) throw new Error(`is not a whole number from ${min} to ${max}`);
    return number;
  };
}

/** The host and port of `HOST:PORT`, `[V6]:PORT` or `:PORT` (loopback). */
export function parseListen(listen: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new PlatformError("invalid", `--listen ${listen} is not HOST:PORT, such as 127.0.0.1:8080`);
  }
  return { host: match[1] ?? (match[2] === "" ? "127.0.0.1" : (match[2] as string)), port };
}
