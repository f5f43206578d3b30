/** What Fn's own client sends and prints, in a form that is the same each time. */
import { createServer, type IncomingMessage, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";

/** Turns what differs from run to run into the same words: `#N` for the N-th id, `@` for times, `<url>`, `<version>`. */
export class Normal {
  readonly ids: string[] = [];
  readonly #words: readonly (readonly [text: string, word: string])[];

  constructor(words: Readonly<Record<string, string>>) {
    this.#words = Object.entries(words).map(([word, text]) => [text, word]);
  }

  of(text: string): string {
    let normal = text;
    for (const [literal, word] of this.#words) normal = normal.replaceAll(literal, word);
    return normal
      .replaceAll(/\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b/g, "@")
      .replaceAll(/\b[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "@")
      .replaceAll(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, (id) => this.#numberOf(id));
  }

  /** Back to what the server knows. */
  from(normal: string): string {
    const timed = normal.replaceAll('"@"', '"2026-11-20T21:53:39.711Z"');
    const text = timed.replaceAll(/#(\d+)/g, (_, number: string) => this.ids[Number(number) - 1] ?? `no id ${number}`);
    return this.#words.reduce((filled, [literal, word]) => filled.replaceAll(word, literal), text);
  }

  #numberOf(id: string): string {
    if (!this.ids.includes(id)) this.ids.push(id);
    return `#${this.ids.indexOf(id) + 1}`;
  }
}

/** One request and its answer. */
export interface Exchanged {
  readonly method: string;
  readonly target: string;
  /** Those that Fn's API looks at, names and values by turns. */
  readonly headers: readonly string[];
  readonly body: string;
  readonly status: number;
  readonly answer: string;
}

const headersThatMatter = ["content-type", "fn-invoke-type", "fn-intent", "is-dry-run"];

/** A server that hands everything on and tells what went through. */
export async function recorder(port: number, heard: (exchanged: Exchanged) => void) {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = await textOf(incoming);
      const { method = "", url: target = "", headers } = incoming;
      const answer = await send(port, { method, target, headers: { ...headers, connection: "close" }, body });
      const kept = headersThatMatter.flatMap((name) => (headers[name] === undefined ? [] : [name, String(headers[name])]));
      heard({ method, target, headers: kept, body, status: answer.status, answer: answer.body });
      outgoing.writeHead(answer.status, answer.headers).end(answer.body);
    })().catch((error: unknown) => outgoing.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, close: () => new Promise((resolve) => server.close(resolve)) };
}

interface Sent {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A request on a connection of its own. */
function send(port: number, { method, target, headers, body }: Sent) {
  return new Promise<{ status: number; headers: Record<string, string | string[]>; body: string }>((resolve, reject) => {
    const outgoing = httpRequest({ host: "127.0.0.1", port, method, path: target, headers }, (answer) => {
      const { "transfer-encoding": _, ...rest } = answer.headers;
      const kept = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
      textOf(answer).then((text) => resolve({ status: answer.statusCode ?? 0, headers: kept as never, body: text }), reject);
    });
    outgoing.on("error", reject).end(body);
  });
}

/** Asks once more what was asked; the answer's status and text, in the words of a recording. */
export async function askAgain(port: number, { method, target, headers, body }: Exchanged, normal: Normal): Promise<string> {
  const fields = Object.fromEntries(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1] ?? ""]] : [])));
  const given = await send(port, { method, target: normal.from(target), headers: fields, body: normal.from(body) });
  return `${given.status} ${normal.of(given.body).trimEnd()}`;
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

/** As lines of a dialogue (test/fixtures/fn/README.md). */
export function dialogueOf({ method, target, headers, body, status, answer }: Exchanged): string {
  const lines: string[] = [];
  for (let i = 0; i < headers.length; i += 2) lines.push(`> ${headers[i]}: ${headers[i + 1]}`);
  lines.push(`${method} ${target}${body === "" ? "" : ` ${body.trimEnd()}`}`);
  const text = answer.startsWith("{") ? answer.trimEnd() : `= ${answer}`;
  lines.push(answer === "" ? String(status) : `${status} ${text}`);
  return `${lines.join("\n")}\n`;
}

/** The other way round. */
export function exchangesIn(dialogue: string): Exchanged[] {
  const found: Exchanged[] = [];
  let headers: string[] = [];
  let sent: Omit<Exchanged, "status" | "answer"> | null = null;
  for (const line of dialogue.split("\n")) {
    if (line === "" || line.startsWith("# ")) continue;
    const [word = "", ...rest] = line.split(" ");
    if (word === ">") headers.push(String(rest[0]).slice(0, -1), rest.slice(1).join(" "));
    else if (/^\d+$/.test(word) && sent !== null) {
      const answer = rest.join(" ");
      found.push({ ...sent, status: Number(word), answer: answer.startsWith("= ") ? answer.slice(2) : answer });
    } else {
      sent = { method: word, target: rest[0] ?? "", headers, body: rest.slice(1).join(" ") };
      headers = [];
    }
  }
  return found;
}
