import { type AddressInfo, createServer, type Server as TcpServer } from "node:net";
import { PlatformError } from "../model/error.ts";
import { isLoopbackAddress } from "./loopback.ts";
import { portHolder } from "./port-holder.ts";

/** An address to listen on; port 0: a free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** Other processes of this user may listen there too, and the kernel deals connections out among them. (Default: false) */
  readonly shared?: boolean;
}

/** Where a listener was bound. */
export interface Bound {
  readonly host: string;
  readonly port: number;
  /** Only this machine can reach it. */
  readonly loopback: boolean;
  readonly url: string;
}

/** Makes a server listen. Throws `conflict` naming the holder of a taken port, `invalid` when the address can't be had. */
export async function bind(server: TcpServer, address: ListenAddress): Promise<Bound> {
  try {
    await listening(server, address);
  } catch (error) {
    throw await cannotListen(address, error as NodeJS.ErrnoException);
  }
  const bound = server.address() as AddressInfo;
  const shown = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  const loopback = isLoopbackAddress(bound.address);
  return { host: bound.address, port: bound.port, loopback, url: `http://${shown}:${bound.port}` };
}

/** Finds out whether an address can be had alone, and which port that is. Shared ports do not tell: two servers of one user would share one silently. */
export async function probe(address: ListenAddress): Promise<Bound> {
  const server = createServer((socket) => socket.destroy());
  const bound = await bind(server, address);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  return bound;
}

function listening(server: TcpServer, { host, port, shared = false }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: 4096, reusePort: shared }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function cannotListen(address: ListenAddress, error: NodeJS.ErrnoException): Promise<PlatformError> {
  const where = `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
  if (error.code === "EADDRINUSE") {
    const holder = (await portHolder(address.port)) ?? "another process";
    return new PlatformError(
      "conflict",
      `${where} is taken by ${holder}. Stop it, or choose another port with --listen HOST:PORT`,
      {
        details: { port: address.port },
        cause: error,
      },
    );
  }
  const why =
    error.code === "EACCES"
      ? "ports below 1024 need more rights"
      : error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND"
        ? "this machine has no such address"
        : (error.code ?? error.message);
  return new PlatformError("invalid", `Can't listen on ${where}: ${why}. Choose another with --listen HOST:PORT`, {
    cause: error,
  });
}
