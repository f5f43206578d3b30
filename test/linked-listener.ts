/** A listener in two halves, as with front processes, but in one: what a client says goes over a link of frames to the handlers. */
import { duplexPair } from "node:stream";
import { type Bound, type ListenAddress, probe } from "../src/http/bind.ts";
import { type HttpConfig, httpDefaults } from "../src/http/config.ts";
import { CoreLink } from "../src/http/link/core-link.ts";
import { Front } from "../src/http/link/front-link.ts";
import { Listener, type ListenerParts } from "../src/http/listener.ts";

/** Ways to serve that every suite of the listener runs on. */
export const frontNames = ["own", "node", "linked"] as const;
export type FrontName = (typeof frontNames)[number];

export type TestListener = Pick<Listener, "listen" | "close" | "connections">;

interface Parts extends Omit<ListenerParts, "config"> {
  readonly config?: Partial<Omit<HttpConfig, "front">> & { readonly front?: FrontName };
}

export function makeListener(parts: Parts): TestListener {
  const { front = "own", ...config } = parts.config ?? {};
  return front === "linked" ? new LinkedListener({ ...parts, config }) : new Listener({ ...parts, config: { ...config, front } });
}

const usage = () => ({ cpuS: 0, residentBytes: 0 });

class LinkedListener implements TestListener {
  readonly #parts: ListenerParts;
  readonly #core: Listener;
  #link: CoreLink | null = null;
  #front: Front | null = null;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#core = new Listener(parts);
  }

  get connections(): number {
    return this.#front?.connections ?? 0;
  }

  async listen(address: ListenAddress): Promise<Bound> {
    const { world, routes, bug = () => {}, config } = this.#parts;
    const bound = await probe(address);
    const [here, there] = duplexPair();
    const init = { listen: { host: bound.host, port: bound.port }, http: { ...httpDefaults, ...config } };
    this.#link = new CoreLink(here, init, {
      world,
      routes,
      version: "of a test",
      adopt: (socket, peer) => this.#core.adopt(socket, peer),
      bug,
      figures: () => {},
      closed: () => {},
    });
    this.#front = new Front(there, { world, version: "of a test", paths: routes, usage });
    await this.#link.listening;
    return bound;
  }

  async close(graceMs: number): Promise<void> {
    this.#link?.drain(graceMs);
    await Promise.all([this.#front?.over, this.#core.close(graceMs)]);
  }
}
