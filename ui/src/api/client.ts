/** Requests to the public API: the key goes along, a refusal becomes an `ApiError`, and the page hears whether the server answers. */
import { key, keyWanted, lost } from "../state/session.ts";
import type { ErrorBody } from "./types.ts";

/** The API stands beside the console, also behind a proxy that serves both below a path. */
const root = new URL("../kiln/v1/", document.baseURI);

/** An answer that is not 2xx. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | null;

  constructor(status: number, body: Partial<ErrorBody>) {
    super(body.message ?? `The server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "unknown";
    this.requestId = body.requestId ?? null;
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>;

/** Where something of the API is: `path` is relative to `/kiln/v1/`, its parts already encoded. */
export function addressOf(path: string, query: Query = {}): URL {
  const url = new URL(path, root);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== "") url.searchParams.set(name, String(value));
  return url;
}

/** The JSON of a 2xx answer. Rejects with `ApiError`, or with what `fetch` rejects with. */
export async function getJson<T>(path: string, query: Query, signal: AbortSignal): Promise<T> {
  const response = await send(addressOf(path, query), { signal, headers: { accept: "application/json" } });
  return (await checked(response).then((good) => good.json())) as T;
}

/** A request whose answer the caller reads itself, whatever its status. */
export async function send(url: URL, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  const carried = key.get();
  const own = !headers.has("authorization");
  if (own && carried !== "") headers.set("authorization", `Bearer ${carried}`);
  try {
    const response = await fetch(url, { ...init, headers, credentials: "omit", cache: "no-store", redirect: "manual" });
    lost.set(null);
    // A function may answer 401 too; then the call has an activation.
    const refused = response.status === 401 && !response.headers.has("kiln-activation-id");
    if (refused && own && carried === key.get()) askForKey(carried);
    return response;
  } catch (error) {
    if (init.signal?.aborted !== true) lost.set(location.host);
    throw error;
  }
}

/** The response itself when it is 2xx; else rejects with `ApiError`. */
export async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  const body = (await response.json().catch(() => ({}))) as Partial<ErrorBody>;
  throw new ApiError(response.status, body);
}

function askForKey(carried: string): void {
  keyWanted.set(carried === "" ? "This server needs a key." : "The server does not accept this key.");
}

/** A failure as a sentence for people. */
export function sentence(error: unknown): string {
  if (error instanceof TypeError) return `No answer from ${location.host}`;
  return error instanceof Error ? error.message : String(error);
}
