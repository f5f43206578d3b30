/** Whether an object is an extension, before anything of it is used. */
import type { Extension } from "./extensions.ts";

type Kind = "function" | "text" | "list" | readonly string[];

const listener = ["Create", "Update", "Delete", "Get", "List"].flatMap((verb) => [`before${verb}`, `after${verb}`]);

/** What each member is: a list of names stands for an object of functions of these names. */
const members: Readonly<Record<keyof Extension, Kind>> = {
  name: "text",
  version: "text",
  apps: listener,
  functions: listener,
  triggers: listener,
  calls: ["before", "after"],
  apiMiddleware: "function",
  rootMiddleware: "function",
  endpoints: "list",
  store: "function",
  queue: "function",
  logStore: "function",
  sandboxDriver: "function",
  placement: "function",
  callOverrider: "function",
  urlAnnotator: ["fn", "trigger"],
  close: "function",
};

/** What is wrong, as a part of a sentence; null: nothing. `near` gives the known name that one may have meant. */
export function shapeFault(
  extension: Extension,
  near: (key: string, known: Iterable<string>) => string | undefined,
): string | null {
  if (typeof extension.name !== "string" || !/^[\w-]{1,64}$/.test(extension.name))
    return "its name is not 1 to 64 letters, digits and dashes";
  for (const [key, value] of Object.entries(extension)) {
    if (!Object.hasOwn(members, key)) return unknown("it", key, near(key, Object.keys(members)));
    const fault = memberFault(key, value, members[key as keyof Extension], near);
    if (fault !== null) return fault;
  }
  return null;
}

function memberFault(
  key: string,
  value: unknown,
  kind: Kind,
  near: (key: string, known: Iterable<string>) => string | undefined,
): string | null {
  if (value === undefined || kind === "text") return null;
  if (kind === "function") return typeof value === "function" ? null : `its ${key} is no function`;
  if (kind === "list") return Array.isArray(value) ? endpointsFault(value) : `its ${key} is no list`;
  if (typeof value !== "object" || value === null) return `its ${key} is no object`;
  for (const [name, hook] of Object.entries(value)) {
    if (!kind.includes(name)) return unknown(`its ${key}`, name, near(name, kind));
    if (hook !== undefined && typeof hook !== "function") return `its ${key}.${name} is no function`;
  }
  return null;
}

function endpointsFault(endpoints: readonly unknown[]): string | null {
  for (const [index, endpoint] of endpoints.entries()) {
    const { method, path, handler } = (endpoint ?? {}) as { method?: unknown; path?: unknown; handler?: unknown };
    if (typeof handler !== "function") return `its endpoint ${index + 1} has no function \`handler\``;
    if (typeof method !== "string" || !/^(GET|HEAD|POST|PUT|PATCH|DELETE)$/.test(method))
      return `its endpoint ${index + 1} has ${JSON.stringify(method)} as its method`;
    if (typeof path !== "string" || !/^(\/(:?[\w.~-]+|\*$))+$/.test(path))
      return `its endpoint ${index + 1} has ${JSON.stringify(path)} as its path`;
  }
  return null;
}

function unknown(where: string, key: string, near: string | undefined): string {
  return `${where} has ${JSON.stringify(key)}, which nobody knows${near === undefined ? "" : `; ${near} may be meant`}`;
}
