/** Asks function URLs as browsers and curl do, for which every name below localhost is this machine; Node asks a resolver. */
import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";

export interface UrlQuestion {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

export interface UrlAnswer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
}

/** The head of the answer is there. */
export async function openUrl(url: string, { method = "GET", headers = {}, body }: UrlQuestion = {}): Promise<IncomingMessage> {
  const asked = request(url, {
    method,
    agent: false,
    headers: headers as Record<string, string | string[]>,
    lookup: (_name, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]),
    timeout: 60_000,
  });
  // Once there is an answer, that tells what goes wrong; of a request that is answered before it is sent whole, the rest may be cut off.
  asked.on("error", () => {});
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return answer;
}

/** Rejects where the answer breaks off. */
export async function askUrl(url: string, question: UrlQuestion = {}): Promise<UrlAnswer> {
  const answer = await openUrl(url, question);
  const bytes = await buffer(answer);
  return { status: answer.statusCode, headers: answer.headers, bytes, text: bytes.toString() };
}
