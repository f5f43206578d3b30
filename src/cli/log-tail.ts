import type { IncomingMessage } from "node:http";
import type { ActivationAnswer, LogLineAnswer } from "./answers.ts";
import { asFailure } from "./answer-failure.ts";
import type { Client } from "./client.ts";
import { Failure } from "./failure.ts";
import { pause } from "./pause.ts";

/** Which lines are wanted, in the words of the API. */
export interface TailFilter {
  readonly app?: string;
  readonly function?: string;
  readonly activation?: string;
  readonly status?: string;
  readonly text?: string;
  /** Milliseconds since the epoch. */
  readonly since?: number;
}

/** Who hears what comes. */
export interface TailListener {
  line(line: LogLineAnswer): void;
  /** A call ended. */
  call?(call: ActivationAnswer): void;
  /** So many lines came faster than they could be sent. */
  lost?(count: number): void;
}

/** Where lines are asked for: a server and the path of a namespace. */
export interface TailSource {
  readonly client: Client;
  readonly home: string;
}

const reconnectMs = 1000;

/** Lines as functions print them, until `signal` aborts. A server that goes away is waited for and asked from where it ended. */
export async function tail(source: TailSource, filter: TailFilter, listener: TailListener, signal: AbortSignal): Promise<void> {
  const position = { lastId: "" };
  let reached = false;
  while (!signal.aborted) {
    try {
      await follow(source, filter, listener, signal, position);
      reached = true;
    } catch (error) {
      if (signal.aborted) return;
      const isGone = error instanceof Failure && error.fields.code === "E_UNREACHABLE";
      if (!isGone || !(reached || position.lastId !== "")) throw error;
    }
    await pause(reconnectMs, signal);
  }
}

async function follow(
  { client, home }: TailSource,
  filter: TailFilter,
  listener: TailListener,
  signal: AbortSignal,
  position: { lastId: string },
): Promise<void> {
  const path = `${home}/logs`;
  const headers = { accept: "text/event-stream", ...(position.lastId !== "" && { "last-event-id": position.lastId }) };
  const response = await client.open("GET", path, { query: { follow: true, ...filter }, headers, timeoutMs: 0, signal });
  if (response.statusCode !== 200) throw await asFailure(client, "GET", path, await whole(response));
  for await (const { id, event, data } of eventsOf(response)) {
    if (id !== "") position.lastId = id;
    const value = JSON.parse(data) as unknown;
    if (event === "line") listener.line(value as LogLineAnswer);
    else if (event === "activation") listener.call?.(value as ActivationAnswer);
    else if (event === "lost") listener.lost?.((value as { count: number }).count);
  }
}

async function whole(response: IncomingMessage) {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, bytes: Buffer.concat(pieces) };
}

interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Server-sent events; ends when the connection does. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<ServerEvent> {
  let text = "";
  response.setEncoding("utf8");
  try {
    for await (const piece of response) {
      text += piece as string;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const event = eventFrom(text.slice(0, end));
        text = text.slice(end + 2);
        if (event.data !== "") yield event;
      }
    }
  } catch (error) {
    if (!isConnectionEnd(error)) throw error;
  }
}

function eventFrom(text: string): ServerEvent {
  const fields: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).replace(/^ /, "");
  }
  return { id: fields["id"] ?? "", event: fields["event"] ?? "message", data: fields["data"] ?? "" };
}

/** A server that stopped, or our own signal. */
function isConnectionEnd(error: unknown): boolean {
  return ["ECONNRESET", "ABORT_ERR", "ERR_STREAM_PREMATURE_CLOSE"].includes(String((error as { code?: unknown }).code));
}

/** The last `max` lines of what is wanted, oldest first. */
export async function recentLines({ client, home }: TailSource, filter: TailFilter, max: number): Promise<LogLineAnswer[]> {
  const { since, ...rest } = filter;
  const lines: LogLineAnswer[] = [];
  let cursor: string | undefined;
  do {
    const query = { ...rest, limit: Math.min(max - lines.length, 100), cursor };
    const page = await client.get<{ items: LogLineAnswer[]; nextCursor: string | null }>(`${home}/logs`, { query });
    const wanted = since === undefined ? page.items : page.items.filter(({ at }) => Date.parse(at) >= since);
    lines.push(...wanted);
    cursor = wanted.length < page.items.length ? undefined : (page.nextCursor ?? undefined);
  } while (cursor !== undefined && lines.length < max);
  return lines.toReversed();
}
