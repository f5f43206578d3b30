/** Syslog receivers on loopback, one for each transport, that keep what they are sent. */
import { execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createServer as createTlsServer } from "node:tls";

export interface Receiver {
  /** As an app names it. */
  readonly url: string;
  /** Messages, in the order in which they came. */
  readonly messages: readonly string[];
  /** Cuts every connection; the receiver stays. */
  cut(): void;
  close(): Promise<void>;
}

/** A folder with a certificate for localhost, which is its own authority. */
export function makeCertificate(): { readonly folder: string; readonly key: string; readonly certificate: string } {
  const folder = mkdtempSync(join(tmpdir(), "kiln-syslog-"));
  const key = join(folder, "key.pem");
  const certificate = join(folder, "certificate.pem");
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", [...made, "-keyout", key, "-out", certificate, ...names], { stdio: "ignore" });
  return { folder, key, certificate };
}

/** Over TCP, on a free port by default: one that the kernel gives to nobody, so that it is still free for a receiver that comes back. */
export async function tcpReceiver(port?: number): Promise<Receiver> {
  // One that is taken is tried again at another.
  if (port === undefined) return await tcpReceiver(randomInt(20_000, 30_000)).catch(() => tcpReceiver());
  const kept: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => keep(socket, sockets, byLines(kept)));
  return opened(server, { port, host: "127.0.0.1" }, kept, sockets, (at) => `tcp://127.0.0.1:${(at as AddressInfo).port}`);
}

export function tlsReceiver({ key, certificate }: { readonly key: string; readonly certificate: string }): Promise<Receiver> {
  const kept: string[] = [];
  const sockets = new Set<Socket>();
  const options = { key: readFileSync(key), cert: readFileSync(certificate) };
  const server = createTlsServer(options, (socket) => keep(socket, sockets, byLength(kept)));
  // A client that does not trust the certificate goes away in the middle.
  server.on("tlsClientError", () => {});
  return opened(server, { port: 0, host: "localhost" }, kept, sockets, tlsUrl);
}

const tlsUrl = (at: AddressInfo | string) => `tcp+tls://localhost:${(at as AddressInfo).port}`;

export function unixReceiver(): Promise<Receiver> {
  const folder = mkdtempSync(join(tmpdir(), "kiln-syslog-"));
  const path = join(folder, "stream");
  const kept: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => keep(socket, sockets, byLines(kept)));
  return opened(server, { path }, kept, sockets, () => `unix://${path}`, folder);
}

export function udpReceiver(): Promise<Receiver> {
  const kept: string[] = [];
  const socket = createSocket("udp4").on("message", (message) => kept.push(message.toString()));
  return new Promise((resolve) => {
    socket.bind(0, "127.0.0.1", () =>
      resolve({
        url: `udp://127.0.0.1:${socket.address().port}`,
        messages: kept,
        cut() {},
        close: () => new Promise((closed) => socket.close(() => closed())),
      }),
    );
  });
}

/** Node has no such sockets, so python listens. */
export async function unixDatagramReceiver(folder = mkdtempSync(join(tmpdir(), "kiln-syslog-"))): Promise<Receiver> {
  const path = join(folder, "datagrams");
  const program = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("ready", flush=True)
while True: print(s.recv(65536).decode(), flush=True)`;
  const child = spawn("python3", ["-c", program, path], { stdio: ["ignore", "pipe", "inherit"] });
  const kept: string[] = [];
  const ready = Promise.withResolvers<void>();
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  createInterface({ input: child.stdout }).on("line", (line) => (line === "ready" ? ready.resolve() : kept.push(line)));
  await ready.promise;
  return {
    url: `unixgram://${path}`,
    messages: kept,
    cut() {},
    async close() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function keep(socket: Socket, sockets: Set<Socket>, read: (data: Buffer) => void): void {
  sockets.add(socket);
  socket
    .on("data", read)
    .on("error", () => {})
    .once("close", () => sockets.delete(socket));
}

function byLines(kept: string[]): (data: Buffer) => void {
  let rest = "";
  return (data) => {
    const lines = (rest + data.toString()).split("\n");
    rest = lines.pop() ?? "";
    kept.push(...lines);
  };
}

/** Each message is preceded by its length in bytes and a space. */
function byLength(kept: string[]): (data: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    for (let space = rest.indexOf(" "); space !== -1; space = rest.indexOf(" ")) {
      const end = space + 1 + Number(rest.subarray(0, space).toString());
      if (rest.length < end) return;
      kept.push(rest.subarray(space + 1, end).toString());
      rest = rest.subarray(end);
    }
  };
}

function opened(
  server: Server,
  address: { readonly port: number; readonly host: string } | { readonly path: string },
  messages: readonly string[],
  sockets: ReadonlySet<Socket>,
  url: (at: AddressInfo | string) => string,
  folder?: string,
): Promise<Receiver> {
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(address, () =>
      resolve({
        url: url(server.address() as AddressInfo | string),
        messages,
        cut,
        close: () =>
          new Promise((closed) => {
            server.close(() => {
              if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
              closed();
            });
            cut();
          }),
      }),
    );
  });
}
