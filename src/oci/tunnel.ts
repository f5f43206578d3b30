import { Agent, type AgentOptions, type RequestOptions } from "node:https";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { dial, type ProxyWay } from "../lib/dial.ts";
import { checkName } from "./addresses.ts";
import { registryFailure } from "./failure.ts";

/** Connections with TLS through a proxy, which sees where they lead and nothing else. */
export class TunnelAgent extends Agent {
  readonly #way: ProxyWay;
  readonly #openMsMax: number;

  constructor(options: AgentOptions, way: ProxyWay, openMsMax: number) {
    super(options);
    this.#way = way;
    this.#openMsMax = openMsMax;
  }

  override createConnection(options: RequestOptions, opened: (error: Error | null, stream: Duplex) => void): undefined {
    // Where there is an error nobody looks at a stream.
    this.#open(options).then(
      (stream) => opened(null, stream),
      (error: Error) => opened(error, undefined as unknown as Duplex),
    );
    return undefined;
  }

  async #open(options: RequestOptions): Promise<Duplex> {
    const host = options.host ?? "";
    await checkName(host);
    const until = AbortSignal.timeout(this.#openMsMax);
    const socket = await dial(host, Number(options.port ?? 443), this.#way, until).catch((error: unknown) => {
      throw registryFailure(`${host} is not reached by the proxy: ${(error as Error).message}`, { cause: error });
    });
    const { servername, ca } = options;
    return connect({ socket, host, ...(servername === undefined ? {} : { servername }), ...(ca === undefined ? {} : { ca }) });
  }
}
