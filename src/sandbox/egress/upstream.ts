/** Asks the machine's own resolvers. */
import { createSocket } from "node:dgram";
import { readFileSync, statSync } from "node:fs";
import { connect, isIP, isIPv6 } from "node:net";
import { randomInt } from "node:crypto";
import type { World } from "../../lib/world.ts";
import { answeredQuestion, type Question } from "./dns-message.ts";

export type Transport = "udp" | "tcp";

const answerMsMax = 2500;
const resolversMax = 3;
export const messageBytesMax = 65_535;

/** The resolvers, one after the other until one answers. */
export class Upstream {
  readonly #given: readonly string[];
  readonly #file: string;
  readonly #world: World;
  #fileChangedAt = -1;
  #fromFile: readonly string[] = [];

  /** With none given, those that `file` names, which may change at any time. */
  constructor(given: readonly string[], world: World, file = "/etc/resolv.conf") {
    this.#given = given;
    this.#world = world;
    this.#file = file;
  }

  /** The answer, with the id of the query; null when nobody answers in time. */
  async ask(query: Buffer, question: Question, transport: Transport): Promise<Buffer | null> {
    for (const resolver of this.resolvers()) {
      const answer = transport === "udp" ? await this.#byUdp(resolver, query, question) : await this.#byTcp(resolver, query);
      if (answer === null || !isAnswer(answer, question)) continue;
      const copy = Buffer.from(answer);
      query.copy(copy, 0, 0, 2);
      return copy;
    }
    return null;
  }

  resolvers(): readonly string[] {
    if (this.#given.length > 0) return this.#given;
    try {
      const changedAt = statSync(this.#file).mtimeMs;
      if (changedAt !== this.#fileChangedAt) this.#fromFile = resolversIn(readFileSync(this.#file, "utf8"));
      this.#fileChangedAt = changedAt;
    } catch {
      this.#fromFile = [];
    }
    return this.#fromFile;
  }

  /** From a port and with an id that nobody can guess, so that nobody else can answer. */
  async #byUdp(resolver: string, query: Buffer, question: Question): Promise<Buffer | null> {
    const socket = createSocket(isIPv6(resolver) ? "udp6" : "udp4");
    const own = Buffer.from(query);
    own.writeUInt16BE(randomInt(65_536), 0);
    return await this.#inTime((done) => {
      socket.on("error", () => done(null));
      socket.on("message", (answer) => {
        if (answer.length >= 2 && answer.readUInt16BE(0) === own.readUInt16BE(0) && isAnswer(answer, question)) done(answer);
      });
      socket.connect(53, resolver, () => socket.send(own, () => {}));
      return () => socket.close();
    });
  }

  async #byTcp(resolver: string, query: Buffer): Promise<Buffer | null> {
    const socket = connect({ host: resolver, port: 53 });
    const received: Buffer[] = [];
    return await this.#inTime((done) => {
      socket.on("error", () => done(null));
      socket.on("end", () => done(null));
      socket.on("data", (data) => {
        received.push(data);
        const [message] = takeMessages(Buffer.concat(received)).messages;
        if (message !== undefined) done(message);
      });
      socket.write(withLength(query));
      return () => socket.destroy();
    });
  }

  async #inTime(begin: (done: (answer: Buffer | null) => void) => () => void): Promise<Buffer | null> {
    const { promise, resolve } = Promise.withResolvers<Buffer | null>();
    const end = begin(resolve);
    const callOff = this.#world.after(answerMsMax, () => resolve(null));
    try {
      return await promise;
    } finally {
      callOff();
      end();
    }
  }
}

/** Whole messages of a TCP stream, each behind its length, and what is left. */
export function takeMessages(data: Buffer): { messages: Buffer[]; rest: Buffer } {
  const messages: Buffer[] = [];
  let rest = data;
  while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
    const end = 2 + rest.readUInt16BE(0);
    messages.push(rest.subarray(2, end));
    rest = rest.subarray(end);
  }
  return { messages, rest };
}

export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** The addresses in the text of a `resolv.conf`. */
export function resolversIn(text: string): string[] {
  const found = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] as string);
  return found.filter((address) => isIP(address) !== 0).slice(0, resolversMax);
}

function isAnswer(answer: Buffer, { name, type }: Question): boolean {
  const repeated = answeredQuestion(answer);
  return repeated !== null && repeated.name === name && repeated.type === type;
}
