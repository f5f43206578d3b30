/** Requests and answers without a socket: what a handler is asked and what it said. */
import type { Handler, HttpRequest } from "../src/http/http.ts";
import type { BodySource } from "../src/lib/body.ts";
import { bytesBody } from "../src/lib/body.ts";

export interface RequestOptions {
  readonly method?: string;
  readonly target: string;
  /** Names and values by turns. */
  readonly headers?: readonly string[];
  readonly body?: string | Buffer | BodySource;
  readonly loopback?: boolean;
  readonly signal?: AbortSignal;
}

/** A request as a listener would hand it on. */
export function httpRequest(options: RequestOptions): HttpRequest {
  const { method = "GET", target, headers = [], body = "", loopback = true } = options;
  return {
    method,
    target,
    path: target.split("?", 1)[0] as string,
    header: (name) => headerOf(headers, name),
    headers,
    peer: "127.0.0.1",
    loopback,
    body: typeof body === "string" ? bytesBody(Buffer.from(body)) : Buffer.isBuffer(body) ? bytesBody(body) : body,
    signal: options.signal ?? new AbortController().signal,
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  /** First value of a header; `name` in lower case. */
  header(name: string): string | undefined;
  readonly body: string;
  /** What a streamed body broke off with. */
  readonly broken: Error | undefined;
}

/** What the handler answers, its body read to the end. Rejects when it answers twice. */
export function ask(handler: Handler, options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let answered = false;
    const answer = (status: number, headers: readonly string[], body: string, broken?: Error) =>
      resolve({ status, headers, header: (name) => headerOf(headers, name), body, broken });
    const once = () => {
      if (answered) reject(new Error("answered twice"));
      answered = true;
    };
    handler(httpRequest(options), {
      send(status, headers, body) {
        once();
        answer(status, headers, body.toString());
      },
      stream(status, headers, body, done) {
        once();
        collect(body, (text, error) => {
          done(error);
          answer(status, headers, text, error);
        });
      },
    });
  });
}

function collect(body: BodySource, done: (text: string, error?: Error) => void): void {
  const chunks: Buffer[] = [];
  body.pipe({
    chunk: (data) => chunks.push(data) > 0,
    end: () => done(Buffer.concat(chunks).toString()),
    fail: (error) => done(Buffer.concat(chunks).toString(), error),
  });
}

function headerOf(headers: readonly string[], name: string): string | undefined {
  const index = headers.findIndex((candidate, at) => at % 2 === 0 && candidate.toLowerCase() === name);
  return index < 0 ? undefined : headers[index + 1];
}
