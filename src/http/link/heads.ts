/**
 * Heads of `request` and `connection` frames on the link of a front (docs/frames.md): lines of `name:value`, of which those that
 * begin with a colon are the front's and the core's own words. No header's name can begin so.
 */
import type { HttpRequest } from "../http.ts";

/** A request as a front read it. */
export interface LinkRequestHead {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly headers: readonly string[];
  /** Bytes of the body; undefined: not known beforehand. */
  readonly bytes: number | undefined;
  /** Nothing of the body is sent before there is credit for it. */
  readonly held: boolean;
}

/** Who is at the other end of a connection, as the front's listener saw it. */
export interface LinkPeer {
  readonly peer: string;
  readonly loopback: boolean;
}

/** Comes first in the head of a request: it is another's on another connection, while what follows often is the same. */
export function renderPeer({ peer, loopback }: LinkPeer): string {
  return loopback ? `:peer:${peer}\n:loopback:\n` : `:peer:${peer}\n`;
}

/** What follows the peer. */
export function renderRequestHead({ method, target, headers }: HttpRequest, bytes: number | undefined, held: boolean): string {
  return `:method:${method}\n:target:${target}\n${lengthLine(bytes)}${held ? ":held:\n" : ""}${linesOf(headers)}`;
}

/** The two parts of a request's head. Throws `RangeError` when it has only one. */
export function partsOf(text: string): { readonly peer: string; readonly rest: string } {
  const start = text.indexOf("\n:method:") + 1;
  if (start === 0) throw new RangeError("The head of a request without a method");
  return { peer: text.slice(0, start), rest: text.slice(start) };
}

export function parseRequestHead(rest: string): LinkRequestHead {
  const { own, headers } = parse(rest);
  const target = own.get("target") ?? "";
  const question = target.indexOf("?");
  const path = question === -1 ? target : target.slice(0, question);
  return { method: own.get("method") ?? "", target, path, headers, bytes: bytesIn(own), held: own.has("held") };
}

export function parsePeer(text: string): LinkPeer {
  const { own } = parse(text);
  return { peer: own.get("peer") ?? "", loopback: own.has("loopback") };
}

/** The head at the start of a payload, and where the body begins. Throws `RangeError` when it is not whole. */
export function headIn(payload: Buffer): { readonly text: string; readonly bodyStart: number } {
  const bodyStart = payload.length < 4 ? 0 : 4 + payload.readUInt32BE(0);
  if (bodyStart < 4 || bodyStart > payload.length) throw new RangeError("A frame whose head is not whole");
  return { text: payload.toString("latin1", 4, bodyStart), bodyStart };
}

export function linesOf(headers: readonly string[]): string {
  let text = "";
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}:${headers[i + 1]}\n`;
  return text;
}

/** Of a body whose length is known beforehand. */
export function lengthLine(bytes: number | undefined): string {
  return bytes === undefined ? "" : `:bytes:${bytes}\n`;
}

const noWords: ReadonlyMap<string, string> = new Map();

/** The words of ours in a head, and its headers. Throws `RangeError` on what is no head. */
export function parse(text: string): { readonly own: ReadonlyMap<string, string>; readonly headers: string[] } {
  let own: Map<string, string> | null = null;
  const headers: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const isOwn = text.charCodeAt(start) === colon;
    const split = text.indexOf(":", isOwn ? start + 1 : start);
    if (end < 0 || split < 0 || split > end) throw new RangeError("A line of a head that is none");
    if (isOwn) (own ??= new Map()).set(text.slice(start + 1, split), text.slice(split + 1, end));
    else headers.push(text.slice(start, split), text.slice(split + 1, end));
    start = end + 1;
  }
  return { own: own ?? noWords, headers };
}

const colon = 0x3a;

export function bytesIn(own: ReadonlyMap<string, string>): number | undefined {
  const bytes = own.get("bytes");
  return bytes === undefined ? undefined : Number(bytes);
}
