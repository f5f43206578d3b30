import { PlatformError } from "../model/error.ts";
import { isLoopback } from "./addresses.ts";
import { drop, readText } from "./answer.ts";
import { basicHeader, type Challenge, parseChallenge, tokenOf, tokenRequest } from "./authorization.ts";
import { findCredentials } from "./credentials.ts";
import { reasonOf, registryFailure, speaksNoTls } from "./failure.ts";
import type { RegistrySettings } from "./oci.ts";
import { publicRegistry } from "./reference.ts";
import type { Answer, Outgoing, Transport } from "./transport.ts";

/** Where the public registry really is. */
const publicHost = "registry-1.docker.io";
const redirectsMax = 5;
const refusalBytesMax = 64 * 1024;

/** A request to a registry, without what is the connection's business. */
export interface RegistryRequest extends Omit<Outgoing, "url" | "headers"> {
  /** Below `/v2/`, or an address that the registry gave. */
  readonly to: string | URL;
  readonly repository: string;
  /** What a token is to allow. */
  readonly actions: "pull" | "pull,push";
  readonly headers?: Readonly<Record<string, string>>;
}

/** One registry: finds out whether it speaks TLS, meets its challenges, follows its redirections. */
export class Connection {
  readonly #registry: string;
  readonly #transport: Transport;
  readonly #settings: RegistrySettings;
  /** By repository and actions. */
  readonly #authorizations = new Map<string, string>();
  /** As whoever asked first finds it out. */
  #base: { readonly url: Promise<URL>; readonly signal: AbortSignal } | undefined;

  constructor(registry: string, transport: Transport, settings: RegistrySettings) {
    this.#registry = registry;
    this.#transport = transport;
    this.#settings = settings;
  }

  /** The answer, when its status is one of these. Throws `registry_failed` with the registry's reason for any other. */
  async ask(request: RegistryRequest, statuses: readonly number[], signal: AbortSignal): Promise<Answer> {
    const answer = await this.#authorized(request, signal);
    if (statuses.includes(answer.status)) return answer;
    throw await this.#refusal(answer, request.method);
  }

  async #authorized(request: RegistryRequest, signal: AbortSignal): Promise<Answer> {
    const key = `${request.repository} ${request.actions}`;
    const answer = await this.#followed(request, this.#authorizations.get(key), signal);
    const challenge = answer.status === 401 ? parseChallenge(answer.headers["www-authenticate"]) : null;
    // A stream of bytes is sent once: whoever has one asks something small before.
    if (challenge === null || (request.body !== undefined && !Buffer.isBuffer(request.body))) return answer;
    const authorization = await this.#meet(challenge, request, signal);
    if (authorization === null) return answer;
    drop(answer);
    this.#authorizations.set(key, authorization);
    return await this.#followed(request, authorization, signal);
  }

  /** Null: there is nothing to meet it with. */
  async #meet({ scheme, parameters }: Challenge, request: RegistryRequest, signal: AbortSignal): Promise<string | null> {
    const { credentials } = await findCredentials(this.#settings.credentialsFile, this.#registry);
    if (scheme === "basic") return credentials?.type === "password" ? basicHeader(credentials) : null;
    if (credentials?.type === "token") return `Bearer ${credentials.token}`;
    const realm = this.#realm(parameters["realm"], await this.#baseUrl(signal));
    const scope = `repository:${request.repository}:${request.actions}`;
    const answer = await this.#transport.send(tokenRequest(realm, parameters["service"], scope, credentials), signal);
    return `Bearer ${await tokenOf(answer)}`;
  }

  /** Credentials go where the registry says, but never in the clear when it is spoken to with TLS. */
  #realm(text: string | undefined, base: URL): URL {
    const realm = text === undefined ? null : URL.parse(text);
    if (realm === null) throw registryFailure("the registry does not say where tokens are given");
    if (realm.protocol === "https:" || (realm.protocol === "http:" && base.protocol === "http:")) return realm;
    throw registryFailure("the registry wants its tokens to be fetched without TLS");
  }

  async #followed(request: RegistryRequest, authorization: string | undefined, signal: AbortSignal): Promise<Answer> {
    const base = await this.#baseUrl(signal);
    const { method, body, headers = {} } = request;
    let url = this.#address(request.to, base);
    for (let hops = 0; ; hops++) {
      // What a registry refers to is somebody else's, who gets no credentials.
      const own: Record<string, string> = authorization !== undefined && url.origin === base.origin ? { authorization } : {};
      const answer = await this.#transport.send(
        { method, url, headers: { ...headers, ...own }, ...(body ? { body } : {}) },
        signal,
      );
      const isRedirection = [301, 302, 303, 307, 308].includes(answer.status) && (method === "GET" || method === "HEAD");
      if (!isRedirection) return answer;
      drop(answer);
      if (hops === redirectsMax) throw registryFailure(`it was redirected more than ${redirectsMax} times`);
      const next = URL.parse(answer.headers.location ?? "", url.href);
      if (next === null) throw registryFailure("the registry refers to what is no address");
      url = this.#address(next, base);
    }
  }

  #address(to: string | URL, base: URL): URL {
    if (typeof to === "string") return new URL(to, base);
    if (to.protocol === "https:" || (to.protocol === "http:" && base.protocol === "http:")) return to;
    throw registryFailure("the registry refers to an address without TLS");
  }

  async #refusal(answer: Answer, method: string): Promise<PlatformError> {
    const { status } = answer;
    const text = method === "HEAD" ? "" : await readText(answer, refusalBytesMax).catch(() => "");
    if (method === "HEAD") drop(answer);
    const reason = reasonOf(status, text);
    if (status !== 401) return registryFailure(reason, status >= 400 && status < 500 ? { status } : {});
    const { credentials, elsewhere } = await findCredentials(this.#settings.credentialsFile, this.#registry);
    if (credentials !== null)
      return registryFailure(`${reason}; it does not take the credentials for ${this.#registry}`, { status });
    const why = elsewhere ? "they are in a program, which is not asked; put them into config.json itself" : "there are none";
    return registryFailure(`${reason}; it wants credentials for ${this.#registry}, and ${why}`, { status });
  }

  /** Its `/v2/`. Found out once; a failure is not kept. Who gives up takes nobody along: another one goes on. */
  async #baseUrl(signal: AbortSignal): Promise<URL> {
    for (;;) {
      this.#base ??= { url: this.#findBase(signal), signal };
      const base = this.#base;
      try {
        return await base.url;
      } catch (error) {
        if (this.#base === base) this.#base = undefined;
        if (!base.signal.aborted || signal.aborted) throw error;
      }
    }
  }

  async #findBase(signal: AbortSignal): Promise<URL> {
    const host = this.#registry === publicRegistry ? publicHost : this.#registry;
    const url = new URL(`https://${host}/v2/`);
    if (!this.#mayBePlain(url)) return url;
    try {
      drop(await this.#transport.send({ method: "GET", url, headers: {} }, signal));
      return url;
    } catch (error) {
      if (speaksNoTls(error)) return new URL(`http://${host}/v2/`);
      throw error;
    }
  }

  #mayBePlain({ host, hostname }: URL): boolean {
    return isLoopback(hostname) || this.#settings.plainHosts.some((each) => each === host || each === hostname);
  }
}
