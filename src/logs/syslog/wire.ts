/** Connections to receivers, one for each transport. */
import { createSocket } from "node:dgram";
import { isIPv6, connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { characterStart } from "../../lib/lines.ts";
import type { World } from "../../lib/world.ts";
import type { SyslogTarget } from "./target.ts";
import type { UnixDatagrams } from "./unix-datagrams.ts";

/** A connection that is open. */
export interface SyslogWire {
  /** Resolves when the system has taken all of them; rejects when it is broken, and some may have got through. */
  write(messages: readonly Buffer[]): Promise<void>;
  /** Ends it; what was written gets through. */
  close(): void;
}

const connectMsMax = 10_000;
/** A datagram that is larger would not get through everywhere. */
const datagramBytesMax = 8192;
const datagramsAtOnce = 64;

/** Rejects when there is nobody. */
export function connectSyslog(target: SyslogTarget, world: World, datagrams: UnixDatagrams): Promise<SyslogWire> {
  switch (target.scheme) {
    case "udp":
      return connectUdp(target);
    case "tcp":
      return connected(world, connectTcp({ host: target.host, port: target.port }), "connect", lineFramed);
    case "unix":
      return connected(world, connectTcp({ path: target.path }), "connect", lineFramed);
    case "tcp+tls": {
      const servername = /^[\d.]+$|:/.test(target.host) ? "" : target.host;
      return connected(world, connectTls({ host: target.host, port: target.port, servername }), "secureConnect", counted);
    }
    case "unixgram":
      return datagrams.connect(target.path);
  }
}

/** As Docker's driver frames them: by a line feed, of which a line has none itself (RFC 6587, 3.4.2). */
const lineFramed = (message: Buffer) => [message, lineFeed];
const lineFeed = Buffer.from("\n");
/** By its length (RFC 5425, 4.3). */
const counted = (message: Buffer) => [Buffer.from(`${message.length} `), message];

type Frame = (message: Buffer) => readonly Buffer[];

function connected(world: World, socket: Socket, event: "connect" | "secureConnect", frame: Frame): Promise<SyslogWire> {
  return new Promise((resolve, reject) => {
    const stopClock = world.after(connectMsMax, () => socket.destroy(new Error(`No connection within ${connectMsMax} ms`)));
    socket.once(event, () => {
      stopClock();
      resolve(streamWire(socket, frame));
    });
    socket.on("error", reject).once("close", () => {
      stopClock();
      reject(new Error("The receiver closed the connection"));
    });
    // Receivers say nothing; unread, its end would not be heard of.
    socket.unref().resume();
  });
}

function streamWire(socket: Socket, frame: Frame): SyslogWire {
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  socket.on("error", (error) => broken.reject(error));
  for (const event of ["end", "close"] as const)
    socket.once(event, () => broken.reject(new Error("The receiver closed the connection")));
  return {
    write(messages) {
      const written = new Promise<void>((resolve, reject) => {
        socket.write(Buffer.concat(messages.flatMap(frame)), (error) => (error == null ? resolve() : reject(error)));
      });
      return Promise.race([broken.promise, written]);
    },
    // What a receiver does not take is not waited for.
    close: () => void (socket.writableLength > 0 ? socket.destroy() : socket.destroySoon()),
  };
}

/** Connected, so that its name is looked up once and a receiver that is not there is heard of where the network says so. */
function connectUdp({ host, port }: { readonly host: string; readonly port: number }): Promise<SyslogWire> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4").unref();
    let failure: Error | null = null;
    socket.on("error", (error) => {
      failure = error;
      reject(error);
    });
    const send = (message: Buffer) =>
      new Promise<void>((sent, failed) => {
        const bytes = message.length <= datagramBytesMax ? message.length : characterStart(message, datagramBytesMax);
        socket.send(message, 0, bytes, (error) => (error === null ? sent() : failed(error)));
      });
    const wire: SyslogWire = {
      async write(messages) {
        for (let at = 0; at < messages.length; at += datagramsAtOnce) {
          if (failure !== null) throw failure;
          await Promise.all(messages.slice(at, at + datagramsAtOnce).map(send));
        }
      },
      close: () => void socket.close(),
    };
    socket.connect(port, host, () => resolve(wire));
  });
}
