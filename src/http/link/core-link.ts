import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { flagEnd, frameType } from "../../wire/frames.ts";
import { matching } from "../front.ts";
import { detached } from "../headers.ts";
import type { FastRoute } from "../http.ts";
import { headIn, type LinkPeer, parsePeer, parseRequestHead, partsOf } from "./heads.ts";
import { KnownHead } from "./known-head.ts";
import { documentIn, errorIn, type FrontFigures, type FrontHello, type FrontInit, type FrontNotice, Link } from "./link.ts";
import { LinkExchange } from "./link-exchange.ts";
import { LinkSocket } from "./link-socket.ts";

/** What the core's end of a link serves, and whom it tells. */
export interface CoreLinkParts {
  readonly world: World;
  readonly version: string;
  readonly routes: readonly FastRoute[];
  /** Takes a connection whose requests are for no fast route. */
  readonly adopt: (socket: Socket, peer: LinkPeer) => void;
  /** Hears of a handler that threw, and of what is wrong in the front. */
  readonly bug: (error: unknown) => void;
  readonly figures: (figures: FrontFigures) => void;
  /** The link has ended; its requests and connections have heard that their clients are away. */
  readonly closed: () => void;
}

/** The core's end of a front's link. */
export class CoreLink {
  /** Resolves when the front listens. Rejects with what kept it from that. */
  readonly listening: Promise<void>;
  readonly #parts: CoreLinkParts;
  readonly #link: Link;
  readonly #init: FrontInit;
  readonly #ready = Promise.withResolvers<void>();
  /** Clients mostly send the same head again. Bounded, because they choose them. */
  readonly #known = new Map<string, KnownHead>();
  #peerText = "";
  #peer: LinkPeer = { peer: "", loopback: false };

  constructor(connection: Duplex, init: FrontInit, parts: CoreLinkParts) {
    this.#parts = parts;
    this.#init = init;
    this.listening = this.#ready.promise;
    this.listening.catch(nothing);
    this.#link = new Link(connection, {
      frame: (type, id, flags, payload) => this.#hear(type, id, flags, payload),
      closed: () => {
        this.#ready.reject(new PlatformError("internal", "The front process has ended"));
        parts.closed();
      },
    });
  }

  /** The front is to accept nothing more, to let requests end, and to leave; what is left after `graceMs` it cuts. */
  drain(graceMs: number): void {
    if (!this.#link.closed) this.#link.tell(frameType.drain, 0, { graceMs });
  }

  close(): void {
    this.#link.close();
  }

  #hear(type: number, id: number, flags: number, payload: Buffer): void {
    if (type === frameType.request) this.#request(id, flags, payload);
    else if (type === frameType.connection) this.#connection(id, payload);
    else if (type === frameType.figures) this.#parts.figures(documentIn<FrontFigures>(payload));
    else if (type === frameType.hello) this.#greet(documentIn<FrontHello>(payload));
    else if (type === frameType.notice) this.#parts.bug(new Error(documentIn<FrontNotice>(payload).bug));
    else if (type === frameType.ready) this.#ready.resolve();
    else if (type === frameType.failed) this.#ready.reject(errorIn(payload));
  }

  /** Both ends are one program, which may have been replaced under a running server. */
  #greet({ version }: FrontHello): void {
    if (version === this.#parts.version) return this.#link.tell(frameType.init, 0, this.#init);
    const message = `The front process is version ${version}, the server ${this.#parts.version}. Restart the server`;
    this.#ready.reject(new PlatformError("internal", message));
    this.#link.close();
  }

  #request(id: number, flags: number, payload: Buffer): void {
    const { text, bodyStart } = headIn(payload);
    const { peer, rest } = partsOf(text);
    const known = this.#know(rest);
    const whole = (flags & flagEnd) !== 0;
    const exchange = new LinkExchange(this.#link, id, known, this.#peerOf(peer), payload.subarray(bodyStart), whole);
    try {
      if (known.route === undefined)
        throw new Error(`A front sent ${known.head.method} ${known.head.path}, which has no fast route`);
      known.route.handler(exchange, exchange);
    } catch (error) {
      this.#parts.bug(error);
      exchange.refuse(new PlatformError("internal", "Internal error"));
    }
  }

  #know(text: string): KnownHead {
    let known = this.#known.get(text);
    if (known !== undefined) return known;
    const head = parseRequestHead(text);
    known = new KnownHead(head, matching(this.#parts.routes, head, this.#init.http.hostsBelow));
    if (this.#known.size >= knownMax) this.#known.clear();
    if (text.length <= knownBytesMax) this.#known.set(detached(text), known);
    return known;
  }

  /** Mostly a proxy's, and then the same as of the last request. */
  #peerOf(text: string): LinkPeer {
    if (text !== this.#peerText) {
      this.#peer = parsePeer(text);
      this.#peerText = text;
    }
    return this.#peer;
  }

  #connection(id: number, payload: Buffer): void {
    const peer = parsePeer(headIn(payload).text);
    this.#parts.adopt(new LinkSocket(this.#link, id, peer, this.#parts.world) as unknown as Socket, peer);
  }
}

const knownMax = 512;
const knownBytesMax = 2048;

function nothing(): void {}
