/** Pages by the part of the address behind `#`, which is never sent to a server. */
import { cell } from "./state/cell.ts";

export type Route =
  | { readonly page: "overview" }
  | { readonly page: "function"; readonly app: string | null; readonly name: string }
  | { readonly page: "activations" }
  | { readonly page: "activation"; readonly id: string }
  | { readonly page: "missing" };

/** How the null app is written in addresses, here as in the API. */
export const nullApp = "_";

export const links = {
  overview: "#/",
  activations: "#/activations",
  activation: (id: string) => `#/activations/${encodeURIComponent(id)}`,
  fn: (app: string | null, name: string) => `#/functions/${encodeURIComponent(app ?? nullApp)}/${encodeURIComponent(name)}`,
} as const;

export function parseRoute(hash: string): Route {
  const parts = hash
    .replace(/^#?\/?/, "")
    .split("/")
    .map(decoded);
  const [first = "", second = "", third = ""] = parts;
  if (parts.includes(undefined as never)) return { page: "missing" };
  if (first === "" && parts.length === 1) return { page: "overview" };
  if (first === "activations" && parts.length === 1) return { page: "activations" };
  if (first === "activations" && parts.length === 2 && second !== "") return { page: "activation", id: second };
  if (first === "functions" && parts.length === 3 && second !== "" && third !== "")
    return { page: "function", app: second === nullApp ? null : second, name: third };
  return { page: "missing" };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** Where the page is; follows the address. Call `followAddress` once. */
export const route = cell<Route>({ page: "overview" });

export function followAddress(): void {
  addEventListener("hashchange", readAddress);
  readAddress();
}

function readAddress(): void {
  route.set(parseRoute(location.hash));
  scrollTo(0, 0);
}
