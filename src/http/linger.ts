import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { World } from "../lib/world.ts";

/** How long a client may go on sending what nobody wants before it is cut, in ms. */
export const lingerMs = 2000;

/** An unread body of at most this many bytes is thrown away to keep its connection; a larger one costs the connection. */
export const discardBytesMax = 64 * 1024;

/** To be called before the answer to a request whose body nobody reads, or reads on. */
export function dropUnreadBody(incoming: IncomingMessage, outgoing: ServerResponse, world: World): void {
  if (incoming.complete || !hasBody(incoming)) return;
  const length = incoming.headers["content-length"];
  if (length !== undefined && Number(length) <= discardBytesMax) {
    incoming.resume();
    return;
  }
  if (!outgoing.headersSent) outgoing.shouldKeepAlive = false;
  lingerAfterAnswer(incoming, world);
}

export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

/**
 * Lets a client that is still sending read its answer. A socket that is closed with unread bytes is reset, and the reset can
 * overtake the answer; so our side is ended and what comes is thrown away for a while. Works on the connection's last answer.
 */
function lingerAfterAnswer(incoming: IncomingMessage, world: World): void {
  const socket = incoming.socket;
  // What node:http calls once the last answer of a connection is written.
  socket.destroySoon = () => {
    incoming.resume();
    endAndLinger(socket, world);
  };
}

/** Ends our side, with `last` if given, and closes when the client has ended its own or after the time above. */
export function endAndLinger(socket: Socket, world: World, last?: string): void {
  if (last === undefined) socket.end();
  else socket.end(last);
  const callOff = world.after(lingerMs, () => socket.destroy());
  socket.once("close", callOff);
}
