import { readFile } from "node:fs/promises";
import { Agent as PlainAgent, type ClientRequest, type IncomingMessage, request as plainRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { rootCertificates } from "node:tls";
import { isDirect } from "../lib/dial.ts";
import { checkAddress, checkedLookup, isLoopback } from "./addresses.ts";
import { networkFailure, registryFailure } from "./failure.ts";
import type { RegistrySettings } from "./oci.ts";
import { TunnelAgent } from "./tunnel.ts";

export interface Outgoing {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** With `content-length` among the headers where it is a stream. */
  readonly body?: Buffer | AsyncIterable<Uint8Array>;
}

/** An answer's head; its body is to be read or destroyed by whoever gets it. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: IncomingMessage;
  readonly url: URL;
}

/** Connections at a time to one host: layers come side by side. */
const connectionsMax = 6;

const agentOptions = { keepAlive: true, maxSockets: connectionsMax, lookup: checkedLookup };

type TransportSettings = Pick<RegistrySettings, "certificatesFile" | "stallMs" | "way">;

/** HTTP towards registries: certificates, kept connections, and an end to every wait. Follows nothing and asks nobody for credentials. */
export class Transport {
  readonly #settings: TransportSettings;
  readonly #plain = new PlainAgent(agentOptions);
  #tls: Promise<TlsAgents> | undefined;

  constructor(settings: TransportSettings) {
    this.#settings = settings;
  }

  /** Resolves with the answer's head, whatever its status. Throws `registry_failed` and the signal's reason. */
  async send(outgoing: Outgoing, signal: AbortSignal): Promise<Answer> {
    const { url, body } = outgoing;
    for (let isAgain = false; ; isAgain = true) {
      signal.throwIfAborted();
      checkAddress(url);
      const { request, answer } = await this.#begin(outgoing, signal);
      try {
        await Promise.all([sendBody(request, body, answer), answer]);
        return await answer;
      } catch (error) {
        signal.throwIfAborted();
        // A kept connection that the other side has closed meanwhile says nothing of the next one.
        const isStale = request.reusedSocket && !isAgain && (body === undefined || Buffer.isBuffer(body));
        if (!isStale) throw networkFailure(error, url);
      }
    }
  }

  close(): void {
    this.#plain.destroy();
    this.#tls?.then(
      ({ direct, tunnel }) => {
        direct.destroy();
        tunnel.destroy();
      },
      // Who asked was told.
      () => {},
    );
  }

  /** Its errors are heard from the first on: one that nobody hears ends the process. */
  async #begin({ url, method, headers }: Outgoing, signal: AbortSignal) {
    const options = { method, headers: { "user-agent": "polykiln", ...headers }, signal, timeout: this.#settings.stallMs };
    const request =
      url.protocol === "https:"
        ? tlsRequest(url, { ...options, agent: await this.#tlsAgent(url) })
        : plainRequest(url, { ...options, agent: this.#plain });
    this.#watch(request, url);
    const answer = answerOf(request, url);
    answer.catch(() => {});
    return { request, answer };
  }

  /** A connection on which nothing moves is broken off; not one that waits for us to read. */
  #watch(request: ClientRequest, url: URL): void {
    const { stallMs } = this.#settings;
    let answer: IncomingMessage | undefined;
    request.once("response", (message) => {
      answer = message;
    });
    request.on("timeout", () => {
      if (answer !== undefined && answer.readableLength > 0) return;
      const stalled = registryFailure(`nothing came from ${url.host} for ${stallMs / 1000} s`);
      if (answer === undefined) request.destroy(stalled);
      else answer.destroy(stalled);
    });
  }

  async #tlsAgent({ hostname }: URL): Promise<TlsAgent> {
    this.#tls ??= this.#tlsAgents();
    const { direct, tunnel } = await this.#tls;
    return isLoopback(hostname) || isDirect(hostname, this.#settings.way) ? direct : tunnel;
  }

  async #tlsAgents(): Promise<TlsAgents> {
    const ca = await this.#certificates();
    const options = { ...agentOptions, ...(ca === null ? {} : { ca }) };
    const { way, stallMs } = this.#settings;
    return { direct: new TlsAgent(options), tunnel: new TunnelAgent(options, way, stallMs) };
  }

  async #certificates(): Promise<string[] | null> {
    const { certificatesFile } = this.#settings;
    if (certificatesFile === "") return null;
    try {
      return [...rootCertificates, await readFile(certificatesFile, "utf8")];
    } catch (cause) {
      throw registryFailure("the file of certificates for registries cannot be read", { cause });
    }
  }
}

interface TlsAgents {
  readonly direct: TlsAgent;
  readonly tunnel: TlsAgent;
}

function answerOf(request: ClientRequest, url: URL): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.once("response", (body) => {
      // Of a connection that breaks while nobody reads yet: whoever reads is told.
      body.on("error", () => {});
      resolve({ status: body.statusCode ?? 0, headers: body.headers, body, url });
    });
  });
}

/** A registry may answer, and refuse, before it has read all. */
async function sendBody(request: ClientRequest, body: Outgoing["body"], answer: Promise<Answer>): Promise<void> {
  if (body === undefined || Buffer.isBuffer(body)) {
    request.end(body);
    return;
  }
  const sent = pipeline(Readable.from(body, { objectMode: false }), request);
  sent.catch(() => {});
  await Promise.race([sent, answer]);
}
