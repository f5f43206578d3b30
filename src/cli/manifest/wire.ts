import type { Answer, Ask, Client } from "../client.ts";
import { exitOf } from "../answer-failure.ts";
import { Failure } from "../failure.ts";
import type { Values } from "./manifest.ts";

/** Parameters and annotations as OpenWhisk's API has them. */
type KeyValues = readonly { readonly key: string; readonly value: unknown }[];

interface Stored {
  /** With the package of an action: `guest/shop`. */
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly annotations: KeyValues;
}

export interface StoredPackage extends Stored {
  readonly publish: boolean;
  readonly parameters: KeyValues;
  readonly binding: { readonly namespace?: string; readonly name?: string } | false;
}

export interface StoredAction extends Stored {
  readonly exec: {
    readonly kind: string;
    readonly code?: string;
    readonly main?: string;
    readonly image?: string;
    readonly components?: readonly string[];
  };
  readonly limits: Readonly<Record<string, number>>;
}

export interface StoredTrigger extends Stored {
  readonly parameters: KeyValues;
}

interface PathAndName {
  readonly path: string;
  readonly name: string;
}

export interface StoredRule extends Stored {
  readonly trigger: PathAndName;
  readonly action: PathAndName;
  /** Not in lists. */
  readonly status?: string;
}

/** Kind of what an image runs. */
export const imageKind = "blackbox";

/** What the server did not do, in its words. */
export class Refusal extends Failure {}

type Collection = "packages" | "actions" | "triggers" | "rules";

/** What OpenWhisk's `GET /` says of a kind. */
export interface RuntimeAnswer {
  readonly kind: string;
  readonly default: boolean;
  /** Older names. */
  readonly aliases?: readonly string[];
}

const pageMax = 200;
/** Installing packages is part of making an action, and a feed action may take its time. */
const slowMs = 900_000;

/** OpenWhisk's API of the server, in one namespace: our own has no triggers and rules. */
export class Wire {
  readonly client: Client;
  readonly namespace: string;

  constructor(client: Client, namespace: string) {
    this.client = client;
    this.namespace = namespace;
  }

  /** The same server in another namespace. */
  in(namespace: string): Wire {
    return new Wire(this.client, namespace);
  }

  /** The kinds that actions may have, by family. */
  async runtimes(): Promise<Readonly<Record<string, readonly RuntimeAnswer[]>>> {
    const { runtimes } = await this.client.get<{ runtimes?: Record<string, RuntimeAnswer[]> }>("/");
    return runtimes ?? {};
  }

  /** Everything in a collection, without what summaries leave out. */
  async list<T>(collection: Collection): Promise<T[]> {
    const items: T[] = [];
    for (;;) {
      const page = await this.#json<T[]>("GET", this.#path(collection), { query: { limit: pageMax, skip: items.length } });
      items.push(...page);
      if (page.length < pageMax) return items;
    }
  }

  async get<T>(collection: Collection, name: string): Promise<T> {
    return await this.#json<T>("GET", this.#path(collection, name));
  }

  async put(collection: Collection, name: string, body: object): Promise<void> {
    await this.#json("PUT", this.#path(collection, name), { query: { overwrite: true }, body, timeoutMs: slowMs });
  }

  /** What is gone already is no failure. */
  async remove(collection: Collection, name: string): Promise<void> {
    const path = this.#path(collection, name);
    const answer = await this.client.exchange("DELETE", path);
    if (answer.status !== 404) checked(this.client, "DELETE", path, answer);
  }

  async activate(rule: string): Promise<void> {
    await this.#json("POST", this.#path("rules", rule), { body: { status: "active" } });
  }

  /** Calls an action by its whole name and waits. */
  async invoke(action: string, body: object): Promise<void> {
    const [, owner = "", ...path] = action.split("/");
    const at = `${homeOf(owner === "_" ? this.namespace : owner)}/actions/${path.map(encodeURIComponent).join("/")}`;
    await this.#json("POST", at, { query: { blocking: true, result: false }, body, timeoutMs: slowMs });
  }

  /** Any path of the API, for what has a protocol of its own. */
  async exchange(method: string, path: string, ask: Ask): Promise<Answer> {
    return checked(this.client, method, path, await this.client.exchange(method, path, ask));
  }

  async #json<T>(method: string, path: string, ask: Ask = {}): Promise<T> {
    const { bytes } = await this.exchange(method, path, ask);
    return (bytes.length === 0 ? null : JSON.parse(bytes.toString("utf8"))) as T;
  }

  #path(collection: Collection, name = ""): string {
    const below = name.split("/").map(encodeURIComponent).join("/");
    return `${homeOf(this.namespace)}/${collection}${name === "" ? "" : `/${below}`}`;
  }
}

function homeOf(namespace: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
}

export function mapOf(list: KeyValues): Values {
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}

export function listOf(values: Values): KeyValues {
  return Object.entries(values).map(([key, value]) => ({ key, value }));
}

/** The answer when its status is 2xx. */
function checked(client: Client, method: string, path: string, answer: Answer): Answer {
  if (answer.status >= 200 && answer.status < 300) return answer;
  const { what, requestId } = saidIn(answer);
  const code = codes[answer.status] ?? (answer.status < 500 ? "invalid" : "internal");
  throw new Refusal({
    code: `E_${code.toUpperCase()}`,
    exit: exitOf(code),
    what,
    where: `${method} ${client.url}${path}`,
    fix: answer.status === 401 ? "give a key with --auth ID:SECRET or POLYKILN_AUTH" : undefined,
    requestId,
  });
}

const codes: Readonly<Record<number, string>> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "too_large",
  429: "throttled",
  503: "overloaded",
};

/** An error of OpenWhisk's API, or the record of a call that failed. */
function saidIn({ status, bytes }: Answer): { readonly what: string; readonly requestId?: string } {
  const fallback = `The server answered ${status}`;
  try {
    const body = JSON.parse(bytes.toString("utf8")) as {
      error?: unknown;
      code?: unknown;
      response?: { result?: { error?: unknown } };
    };
    const error = body.error ?? body.response?.result?.error;
    const what = typeof error === "string" ? error : error === undefined ? fallback : JSON.stringify(error);
    return { what, ...(typeof body.code === "string" && { requestId: body.code }) };
  } catch {
    return { what: fallback };
  }
}
