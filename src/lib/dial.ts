import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { PlatformError } from "../model/error.ts";

/** How the internet is reached from this machine. */
export interface ProxyWay {
  /** An HTTP proxy as a URL, which may have `user:password@`; empty: none. */
  readonly proxy: string;
  /** Hosts that are reached without it: names, and all below `.name`; `*`: all. */
  readonly direct: readonly string[];
}

const headBytesMax = 16 * 1024;

/** A connection, by way of the proxy where there is one. Rejects with what went wrong, and with the signal's reason. */
export async function dial(host: string, port: number, way: ProxyWay, signal: AbortSignal): Promise<Socket> {
  if (isDirect(host, way)) return await connected(connect({ host, port }), "connect", signal);
  const proxy = new URL(way.proxy);
  const socket = await toProxy(proxy, signal);
  try {
    socket.write(`CONNECT ${bracketed(host)}:${port} HTTP/1.1\r\nHost: ${bracketed(host)}:${port}\r\n${credentials(proxy)}\r\n`);
    const status = statusIn(await answerHead(socket, signal));
    if (status !== 200) throw new PlatformError("internal", `The proxy ${proxy.hostname} refused with status ${status}`);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function toProxy({ hostname, port, protocol }: URL, signal: AbortSignal): Promise<Socket> {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (protocol === "https:")
    return connected(connectTls({ host, port: Number(port || 443), servername: host }), "secureConnect", signal);
  return connected(connect({ host, port: Number(port || 80) }), "connect", signal);
}

async function connected(socket: Socket, event: "connect" | "secureConnect", signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => reject(signal.reason as Error);
  socket.once(event, resolve);
  socket.once("error", reject);
  signal.addEventListener("abort", stop);
  try {
    signal.throwIfAborted();
    await promise;
    socket.on("error", () => socket.destroy());
    return socket;
  } catch (error) {
    socket.on("error", () => {});
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** The head of a proxy's answer; what comes behind it stays to be read. */
function answerHead(socket: Socket, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const take = () => {
      const piece = socket.read() as Buffer | null;
      if (piece === null) return;
      head = Buffer.concat([head, piece]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 && head.length <= headBytesMax) return;
      socket.off("readable", take);
      if (end < 0) return reject(new PlatformError("internal", "The proxy's answer is no HTTP"));
      if (end + 4 < head.length) socket.unshift(head.subarray(end + 4));
      resolve(head.toString("latin1", 0, end));
    };
    socket.on("readable", take);
    socket.once("close", () => reject(new PlatformError("internal", "The proxy closed the connection")));
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

function statusIn(head: string): number {
  return Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1] ?? 0);
}

function credentials({ username, password }: URL): string {
  if (username === "" && password === "") return "";
  const both = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Proxy-Authorization: Basic ${Buffer.from(both).toString("base64")}\r\n`;
}

/** Whether this host is reached without a proxy. */
export function isDirect(host: string, { proxy, direct }: ProxyWay): boolean {
  if (proxy === "") return true;
  return direct.some((entry) => {
    const name = entry
      .replace(/^\*?\./, "")
      .replace(/:\d+$/, "")
      .toLowerCase();
    return entry === "*" || host.toLowerCase() === name || host.toLowerCase().endsWith(`.${name}`);
  });
}

const bracketed = (host: string) => (host.includes(":") ? `[${host}]` : host);
