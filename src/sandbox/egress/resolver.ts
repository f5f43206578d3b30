/**
 * Answers what sandboxes ask about names, at the router's address. Who may go anywhere hears what the machine's resolvers say; who has
 * a list hears of the names in it once their addresses can be connected to, and of others only if the internet is in it.
 */
import type { RemoteInfo, Socket as UdpSocket } from "node:dgram";
import type { Server, Socket } from "node:net";
import type { World } from "../../lib/world.ts";
import { gateway } from "./addresses.ts";
import { makeAnswer, makeQuery, type Question, readAddresses, readQuestion, recordType } from "./dns-message.ts";
import { type AllowList, isPlatform } from "./lists.ts";
import { messageBytesMax, takeMessages, type Transport, type Upstream, withLength } from "./upstream.ts";

/** What a sandbox may ask about; null: nothing. */
export type Policy = "all" | AllowList | null;

export interface ResolverParts {
  readonly udp: UdpSocket;
  readonly tcp: Server;
  readonly upstream: Upstream;
  /** By the address that a sandbox asks from; the packet filter has checked that it is its own. */
  readonly policyOf: (address: string) => Policy;
  readonly world: World;
}

/** Questions that wait for an answer: of all sandboxes, and of one. */
const waitingMax = 1024;
const waitingPerSandboxMax = 64;
const connectionsMax = 512;
const connectionsPerSandboxMax = 8;
const connectionIdleMs = 10_000;
const queryBytesMax = 1024;

/** Serves from its construction on. */
export class Resolver {
  readonly #parts: ResolverParts;
  readonly #waiting = new Counts(waitingMax, waitingPerSandboxMax);
  readonly #connections = new Counts(connectionsMax, connectionsPerSandboxMax);
  readonly #open = new Set<Socket>();

  constructor(parts: ResolverParts) {
    this.#parts = parts;
    parts.udp.on("message", (query, from) => void this.#byUdp(query, from));
    parts.udp.on("error", () => {});
    parts.tcp.on("connection", (socket) => this.#byTcp(socket));
    parts.tcp.on("error", () => {});
  }

  /** The addresses of a name, both families; empty when there are none or nobody tells. */
  async lookup(name: string): Promise<readonly string[]> {
    const answers = await Promise.all(
      [recordType.a, recordType.aaaa].map(async (type) => {
        const query = makeQuery(0, name, type);
        const question = query === null ? null : readQuestion(query);
        if (query === null || question === null) return null;
        return await this.#ask(query, question, "udp");
      }),
    );
    return answers.flatMap((answer) => (answer === null ? [] : readAddresses(answer)));
  }

  close(): void {
    this.#parts.udp.close();
    this.#parts.tcp.close();
    for (const socket of this.#open) socket.destroy();
  }

  async #byUdp(query: Buffer, from: RemoteInfo): Promise<void> {
    const answer = await this.#answer(query, from.address, "udp");
    if (answer === null) return;
    try {
      this.#parts.udp.send(answer, from.port, from.address, () => {});
    } catch {
      // Closed in between.
    }
  }

  #byTcp(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    socket.on("error", () => {});
    if (!this.#connections.take(address)) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#connections.give(address);
    });
    socket.setTimeout(connectionIdleMs, () => socket.destroy());
    let pending: Buffer = Buffer.alloc(0);
    socket.on("data", (data) => {
      const { messages, rest } = takeMessages(Buffer.concat([pending, data]));
      pending = rest;
      if (rest.length > queryBytesMax + 2) socket.destroy();
      for (const query of messages) void this.#answerTcp(query, address, socket);
    });
  }

  async #answerTcp(query: Buffer, address: string, socket: Socket): Promise<void> {
    const answer = await this.#answer(query, address, "tcp");
    if (answer === null || answer.length > messageBytesMax) socket.destroy();
    else socket.write(withLength(answer));
  }

  /** Null: silence. */
  async #answer(query: Buffer, address: string, transport: Transport): Promise<Buffer | null> {
    const policy = this.#parts.policyOf(address);
    const question = query.length > queryBytesMax ? null : readQuestion(query);
    if (policy === null || question === null || !this.#waiting.take(address)) return null;
    try {
      if (policy === "all") return (await this.#ask(query, question, transport)) ?? makeAnswer(query, question, "failed");
      return await this.#answerListed(query, question, policy, transport);
    } catch {
      return makeAnswer(query, question, "failed");
    } finally {
      this.#waiting.give(address);
    }
  }

  async #answerListed(query: Buffer, question: Question, list: AllowList, transport: Transport): Promise<Buffer> {
    const isAddress = question.type === recordType.a || question.type === recordType.aaaa;
    if (isPlatform(question.name, list)) return makeAnswer(query, question, question.type === recordType.a ? [gateway] : []);
    const isListed = list.has(question.name);
    if (!isListed && !list.hasInternet) return makeAnswer(query, question, "noName");
    // Other records can hold addresses too, which then would not be allowed.
    if (!isAddress && !list.hasInternet) return makeAnswer(query, question, []);
    const answer = await this.#ask(query, question, transport);
    if (answer === null) return makeAnswer(query, question, "failed");
    if (isListed && isAddress) await list.learn(question.name, readAddresses(answer));
    return answer;
  }

  async #ask(query: Buffer, question: Question, transport: Transport): Promise<Buffer | null> {
    return await this.#parts.upstream.ask(query, question, transport);
  }
}

/** How many of something there are, in all and of each. */
class Counts {
  readonly #max: number;
  readonly #eachMax: number;
  readonly #each = new Map<string, number>();
  #all = 0;

  constructor(max: number, eachMax: number) {
    this.#max = max;
    this.#eachMax = eachMax;
  }

  take(who: string): boolean {
    const count = this.#each.get(who) ?? 0;
    if (this.#all >= this.#max || count >= this.#eachMax) return false;
    this.#all += 1;
    this.#each.set(who, count + 1);
    return true;
  }

  give(who: string): void {
    const count = (this.#each.get(who) ?? 0) - 1;
    this.#all -= 1;
    if (count > 0) this.#each.set(who, count);
    else this.#each.delete(who);
  }
}
