/** What an extension asks of the Telemetry API, or of the Logs API before it. Source: the Lambda developer guide, "Telemetry API reference". */

export const recordTypes = ["platform", "function", "extension"] as const;
export type RecordType = (typeof recordTypes)[number];

/** Where its records go, and in what portions. */
export interface Subscription {
  readonly types: readonly RecordType[];
  readonly protocol: "http" | "tcp";
  /** Of the sandbox's loopback. */
  readonly port: number;
  /** Of an HTTP destination, with its query. */
  readonly path: string;
  readonly method: "POST" | "PUT";
  readonly itemsMax: number;
  readonly bytesMax: number;
  readonly timeoutMs: number;
}

/** Names of a sandbox's own loopback, which destinations have to be at. */
export const sandboxNames = ["sandbox.localdomain", "sandbox"] as const;

const buffering = {
  maxItems: { min: 1000, max: 10_000, default: 10_000 },
  maxBytes: { min: 262_144, max: 1_048_576, default: 262_144 },
  timeoutMs: { min: 25, max: 30_000, default: 1000 },
} as const;

/** A text says what is wrong. */
export function subscriptionIn(body: string): Subscription | string {
  const said = parsed(body);
  if (said === null) return "The body must be an object of JSON";
  const types = said["types"];
  if (!Array.isArray(types) || types.length === 0 || !types.every((type) => recordTypes.includes(type as RecordType)))
    return `types must be a list of ${recordTypes.join(", ")}`;
  const portions = buffered(parsed(said["buffering"] ?? {}));
  if (typeof portions === "string") return portions;
  const place = destinationIn(parsed(said["destination"]));
  return typeof place === "string" ? place : { types: types as RecordType[], ...place, ...portions };
}

function buffered(said: Said | null): Pick<Subscription, "itemsMax" | "bytesMax" | "timeoutMs"> | string {
  if (said === null) return "buffering must be an object";
  const numbers: Record<string, number> = {};
  for (const [name, { min, max, default: usual }] of Object.entries(buffering)) {
    const value = said[name] ?? usual;
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
      return `buffering.${name} must be a whole number between ${min} and ${max}`;
    numbers[name] = value;
  }
  return { itemsMax: numbers["maxItems"] ?? 0, bytesMax: numbers["maxBytes"] ?? 0, timeoutMs: numbers["timeoutMs"] ?? 0 };
}

function destinationIn(said: Said | null): Pick<Subscription, "protocol" | "port" | "path" | "method"> | string {
  if (said === null) return "destination must be an object";
  const { protocol, method = "POST" } = said;
  if (method !== "POST" && method !== "PUT") return "destination.method must be POST or PUT";
  if (protocol === "TCP") {
    const { port } = said;
    return isPort(port) ? { protocol: "tcp", port, path: "", method } : "destination.port must be a port";
  }
  if (protocol !== "HTTP") return "destination.protocol must be HTTP or TCP";
  const url = urlIn(said["URI"] ?? said["uri"]);
  const isHere = url !== null && url.protocol === "http:" && sandboxNames.includes(url.hostname as (typeof sandboxNames)[number]);
  if (!isHere) return `destination.URI must be http://${sandboxNames[0]}:PORT, with a path or without`;
  return { protocol: "http", port: Number(url.port || 80), path: url.pathname + url.search, method };
}

type Said = Readonly<Record<string, unknown>>;

function parsed(given: unknown): Said | null {
  try {
    const value: unknown = typeof given === "string" ? JSON.parse(given) : given;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Said) : null;
  } catch {
    return null;
  }
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

function urlIn(text: unknown): URL | null {
  return typeof text === "string" && URL.canParse(text) ? new URL(text) : null;
}
