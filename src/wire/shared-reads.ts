import { Socket } from "node:net";

/**
 * Reading many sockets into one piece of memory. Node makes 64 KiB for each read and cuts it to what came, which with its stream around it
 * is a fifth of what a small request costs; `net.connect` can be told to use one buffer (`onread`), a server cannot tell its sockets. What
 * `onread` does is therefore done here to a socket that is there already: it keeps buffer and listener under two symbols, which are found by
 * looking at a socket that was made with it. Where a later Node does it otherwise, nothing is done.
 */

/** Hears of bytes at the start of a buffer that is used again as soon as this returns. */
export type ReadListener = (bytes: number, buffer: Buffer) => void;

/**
 * From now on `listener` hears what comes, instead of whoever listens to `data`; a second call replaces it. False: not on this Node, or not
 * on this stream, or something waits in it to be read.
 */
export function readShared(stream: unknown, listener: ReadListener): boolean {
  if (way === null || !(stream instanceof Socket)) return false;
  const socket = stream as unknown as Record<symbol, unknown> & { _handle?: UserBufferHandle | null };
  if (socket[way.listener] === undefined || socket[way.listener] === null) {
    if (typeof socket._handle?.useUserBuffer !== "function" || stream.readableLength > 0) return false;
    socket._handle.useUserBuffer(shared);
    socket[way.buffer] = shared;
  } else if (socket[way.buffer] !== shared) return false;
  socket[way.listener] = (bytes: number, buffer: Buffer) => {
    listener(bytes, buffer);
    return true;
  };
  return true;
}

/** What comes goes to whoever listens to `data` again. */
export function readAlone(socket: Socket): void {
  if (way === null) return;
  const fields = socket as unknown as Record<symbol, unknown>;
  if (fields[way.buffer] !== shared) return;
  fields[way.listener] = (bytes: number, buffer: Buffer) => socket.push(Buffer.from(buffer.subarray(0, bytes)));
}

/** What a `ReadListener` hears, as a buffer of that length: mostly as long as the one before, and then the same object. */
export function readBytes(bytes: number): Buffer {
  if (newest.length !== bytes) newest = shared.subarray(0, bytes);
  return newest;
}

interface UserBufferHandle {
  useUserBuffer?(buffer: Buffer): void;
}

/** As much as Node reads at once. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);
let newest = shared;

function findWay(): { readonly buffer: symbol; readonly listener: symbol } | null {
  const probe = new Socket({ onread: { buffer: shared, callback: ignore } });
  const fields = probe as unknown as Record<symbol, unknown>;
  const symbols = Object.getOwnPropertySymbols(probe);
  const buffer = symbols.find((symbol) => fields[symbol] === shared);
  const listener = symbols.find((symbol) => fields[symbol] === ignore);
  probe.destroy();
  return buffer === undefined || listener === undefined ? null : { buffer, listener };
}

function ignore(): boolean {
  return true;
}

const way = findWay();
