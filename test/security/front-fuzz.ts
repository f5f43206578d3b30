/**
 * Our request parser against the one of node:http (llhttp), on inputs made from the grammar of requests, broken in the ways that smuggling
 * uses, and cut at random places: `node test/security/front-fuzz.ts COUNT [SEED]`. A finding is a message that we take and llhttp does
 * not, one that both take with other contents or another end, or a verdict that depends on where the input was cut.
 * Where we are stricter is counted by our reason, and each reason has to be in `stricter`.
 */
import { createRequire } from "node:module";
import { Http1Error } from "../../src/wire/http1-error.ts";
import { RequestReader } from "../../src/wire/http1-server-reader.ts";
import { requestOf } from "./front-fuzz-inputs.ts";

/** What a parser made of one request. */
interface Message {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly keepAlive: boolean;
  body: string;
  complete: boolean;
}

interface Verdict {
  readonly messages: Message[];
  /** Why the rest was refused; null when it was not. */
  refused: string | null;
  /** The connection left HTTP/1.1, as far as the parser is concerned. */
  left: boolean;
}

/** Our refusals of what llhttp takes, as the messages begin, and why we refuse. */
const stricter: Readonly<Record<string, string>> = {
  "its first line is malformed":
    "one space between parts, HTTP/1.0 and 1.1 only, no #, no bytes over 126, no more than one empty line before",
  "its target is neither a path nor a URL": "a URL is of http or https and has a plain host; * is for OPTIONS",
  "the method is unknown": "CONNECT is never served",
  "a header is malformed": "llhttp is lenient with what ends a line in some states",
  "a line of its head does not end with CRLF": "the same, seen before the head is whole",
  "its head has a control character": "seen before the head is whole",
  "it has no Host header": "RFC 9112 section 3.2, which node:http checks above its parser",
  "it has more than one Host header": "the same",
  "its Host is no host": "the same",
  "it has more than one Content-Length": "also when llhttp has not seen that they are two",
  "its Content-Length is not a length": "15 digits are enough",
  "its Transfer-Encoding is other than chunked": "no other coding, and none in HTTP/1.0",
  "it has both Content-Length and Transfer-Encoding": "seen earlier",
  "invalid chunk size or extension": "12 digits, 256 bytes of extension, no escapes in it",
  "a line of its chunks does not end with CRLF": "seen earlier",
  "a trailer is malformed or must not be one": "no trailer that frames or routes",
  "a chunk is longer than its size": "seen earlier",
};

export interface FuzzReport {
  readonly inputs: number;
  readonly seed: number;
  /** Messages that both took, with the same contents. */
  accepted: number;
  /** Inputs that both refused at the same message. */
  refusedByBoth: number;
  /** By our reason: inputs of which llhttp took more than we did. */
  readonly stricter: Record<string, number>;
  readonly findings: { readonly what: string; readonly input: string }[];
}

/** Runs `inputs` inputs; the same seed makes the same ones. Stops after 20 findings. */
export function fuzzFront(inputs: number, seed: number): FuzzReport {
  const report: FuzzReport = { inputs, seed, accepted: 0, refusedByBoth: 0, stricter: {}, findings: [] };
  const random = randomFrom(seed);
  // Most of the time would go into the traces of refusals.
  Error.stackTraceLimit = 0;
  for (let i = 0; i < inputs && report.findings.length < 20; i++) {
    const input = requestOf(random);
    const pieces = cut(input, random);
    const cutVerdict = ours(pieces);
    const what =
      difference(cutVerdict, theirs(pieces), report) ?? (pieces.length > 1 ? dependsOnCut(cutVerdict, ours([input])) : undefined);
    if (what !== undefined)
      report.findings.push({ what, input: JSON.stringify(pieces.map((piece) => piece.toString("latin1"))) });
  }
  return report;
}

function ours(pieces: readonly Buffer[]): Verdict {
  const verdict: Verdict = { messages: [], refused: null, left: false };
  const reader = new RequestReader({ lineBytesMax: 16_384, headerBytesMax: 65_536, headerCountMax: 200 });
  let current: Message | null = null;
  const taker = {
    piece(data: Buffer): boolean {
      (current as Message).body += data.toString("latin1");
      return true;
    },
  };
  try {
    for (const piece of pieces) {
      if (verdict.left) break;
      // As a server reads: into memory that soon holds other bytes.
      const lent = Buffer.from(piece);
      reader.lend(lent, lent.length);
      for (;;) {
        if (current === null) {
          const head = reader.head();
          if (head === undefined) break;
          current = { ...head, body: "", complete: false };
          verdict.messages.push(current);
          if (head.upgrade) verdict.left = true;
        }
        if (verdict.left || !reader.readBody(taker)) break;
        current.complete = true;
        if (!current.keepAlive) {
          verdict.left = true;
          break;
        }
        current = null;
      }
      reader.settle();
      lent.fill(0);
    }
  } catch (error) {
    if (!(error instanceof Http1Error)) throw error;
    verdict.refused = error.message;
  }
  return verdict;
}

/** The part of node:http's parser that we use; it has no types. */
interface Llhttp {
  [callback: number]: unknown;
  initialize(type: number, resource: object): void;
  execute(data: Buffer): number | Error;
}
interface LlhttpModule {
  readonly HTTPParser: { new (): Llhttp; readonly [name: string]: number };
  readonly methods: readonly string[];
}

const llhttp = loadLlhttp();

function loadLlhttp(): LlhttpModule {
  return createRequire(import.meta.url)("_http_common") as LlhttpModule;
}

/** The list leaves out what is not HTTP's, and with it a gap before its last one. */
function methodOf(number: number): string {
  return llhttp.methods[Math.min(number, llhttp.methods.length - 1)] as string;
}

const { kOnHeaders, kOnHeadersComplete, kOnBody, kOnMessageComplete, REQUEST } = llhttp.HTTPParser as unknown as Record<
  "kOnHeaders" | "kOnHeadersComplete" | "kOnBody" | "kOnMessageComplete" | "REQUEST",
  number
>;

/** One parser for all inputs, begun anew for each. */
const parser = new llhttp.HTTPParser();

function theirs(pieces: readonly Buffer[]): Verdict {
  const verdict: Verdict = { messages: [], refused: null, left: false };
  let early: string[] = [];
  let earlyUrl = "";
  parser.initialize(REQUEST, {});
  parser[kOnHeaders] = (headers: string[], url: string) => {
    early.push(...headers);
    earlyUrl += url;
  };
  parser[kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    headers: string[] | undefined,
    method: number,
    url: string | undefined,
    _status: unknown,
    _reason: unknown,
    upgrade: boolean,
    keepAlive: boolean,
  ) => {
    const message = {
      method: methodOf(method),
      target: url ?? earlyUrl,
      headers: headers ?? early,
      keepAlive,
      body: "",
      complete: false,
    };
    early = [];
    earlyUrl = "";
    verdict.messages.push(message);
    if (upgrade) verdict.left = true;
    return upgrade ? 2 : 0;
  };
  parser[kOnBody] = (data: Buffer) => {
    (verdict.messages.at(-1) as Message).body += data.toString("latin1");
  };
  parser[kOnMessageComplete] = () => {
    (verdict.messages.at(-1) as Message).complete = true;
    // Trailers came as headers before.
    early = [];
    earlyUrl = "";
  };
  for (const piece of pieces) {
    if (verdict.left) break;
    const result = parser.execute(piece);
    if (typeof result !== "number") {
      verdict.refused = result.message;
      break;
    }
  }
  return verdict;
}

function difference(our: Verdict, their: Verdict, report: FuzzReport): string | undefined {
  for (const [index, mine] of our.messages.entries()) {
    const other = their.messages[index];
    const last = index === our.messages.length - 1;
    if (other === undefined) return `message ${index}: only we take it; llhttp: ${their.refused ?? "waits"}`;
    if (mine.method !== other.method) return `message ${index}: method ${mine.method}, llhttp ${other.method}`;
    if (!sameTarget(mine.target, other.target)) return `message ${index}: target ${mine.target}, llhttp ${other.target}`;
    const headers = differentHeaders(mine.headers, other.headers);
    if (headers !== undefined) return `message ${index}: ${headers}`;
    if (mine.keepAlive && !other.keepAlive) return `message ${index}: we keep the connection, llhttp does not`;
    if (last && our.left && !mine.complete) return undefined;
    if (mine.complete) {
      if (!other.complete) return `message ${index}: only we have all of its body; llhttp: ${their.refused ?? "waits"}`;
      if (mine.body !== other.body) return `message ${index}: the bodies differ`;
      report.accepted++;
      if (!mine.keepAlive) return undefined;
      continue;
    }
    if (!other.body.startsWith(mine.body) && !mine.body.startsWith(other.body))
      return `message ${index}: the bodies differ so far`;
    if (our.refused === null && their.refused !== null) return undefined;
    if (our.refused === null && other.complete) return `message ${index}: llhttp has all of its body, we wait`;
  }
  return refusalDifference(our, their, report);
}

/** We refuse: that is no finding, but a reason has to be known where llhttp goes on. */
function refusalDifference(our: Verdict, their: Verdict, report: FuzzReport): string | undefined {
  if (our.refused === null) {
    return their.messages.length > our.messages.length && !our.left ? "llhttp takes a message for which we wait" : undefined;
  }
  if (their.refused !== null && their.messages.length <= our.messages.length) {
    report.refusedByBoth++;
    return undefined;
  }
  if (!Object.hasOwn(stricter, our.refused)) return `a refusal that is not listed: ${our.refused}`;
  report.stricter[our.refused] = (report.stricter[our.refused] ?? 0) + 1;
  return undefined;
}

/** A URL of ours is only the part from its path on. */
function sameTarget(mine: string, other: string): boolean {
  if (mine === other) return true;
  return /^https?:\/\//i.test(other) && (other.endsWith(mine) || (mine.startsWith("/") && other.endsWith(mine.slice(1))));
}

function differentHeaders(mine: readonly string[], other: readonly string[]): string | undefined {
  if (mine.length !== other.length) return `${mine.length / 2} headers, llhttp has ${other.length / 2}`;
  const at = mine.findIndex((text, index) => text !== other[index]);
  return at === -1 ? undefined : `${JSON.stringify(mine[at])} in a header, llhttp has ${JSON.stringify(other[at])}`;
}

function dependsOnCut(pieces: Verdict, whole: Verdict): string | undefined {
  if ((pieces.refused === null) !== (whole.refused === null)) {
    return `cut up ${pieces.refused ?? "taken"}, whole ${whole.refused ?? "taken"}`;
  }
  // What refuses a body late in one piece may have been handed on before in several.
  const texts = [pieces, whole].map(({ messages }) => JSON.stringify(messages.filter(({ complete }) => complete)));
  return texts[0] === texts[1] ? undefined : "cut up it means other messages than whole";
}

/** One to some pieces; now and then single bytes. */
function cut(input: Buffer, random: () => number): Buffer[] {
  const how = random();
  if (how < 0.3) return [input];
  const size = how < 0.33 ? 1 : 1 + Math.floor(random() * input.length);
  const pieces: Buffer[] = [];
  for (let at = 0; at < input.length; ) {
    const end = Math.min(input.length, at + (size === 1 ? 1 : 1 + Math.floor(random() * size)));
    pieces.push(input.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** Numbers from 0 to below 1 (xorshift32). */
function randomFrom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4_294_967_296;
  };
}

if (import.meta.main) {
  const [count = "100000", seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
  const beganAt = performance.now();
  const report = fuzzFront(Number(count), Number(seed));
  process.stdout.write(`${JSON.stringify({ ...report, seconds: (performance.now() - beganAt) / 1000 }, null, 2)}\n`);
  process.exitCode = report.findings.length === 0 ? 0 : 1;
}
