/** What benches compare with: the function's own server, and proxies of others before it. Each a process of its own on a free port. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { goBuild } from "../../test/kits.ts";
import { cleanEnvironment, firstLine } from "../../test/platform.ts";

/** A server that runs; `pid` with all below it is what it costs. */
export interface Reference {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** The handler that this file exports, behind `node:http` and nothing else. */
export async function startFunctionServer(file: string): Promise<Reference> {
  const child = start(process.execPath, [import.meta.filename, file]);
  return reference("node:http", Number(await firstLine(child)), child);
}

/** Go's `net/http` with `httputil.ReverseProxy`; null, and a line that says what is missing, where there is no Go. */
export async function startGoProxy(target: number): Promise<Reference | null> {
  const program = await goBuild(join(import.meta.dirname, "go-proxy")).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return null;
  });
  if (program === null) return missing("the Go proxy", "golang-go");
  const child = start(program, [`http://127.0.0.1:${target}`]);
  return reference("Go proxy + node:http", Number(await firstLine(child)), child);
}

const nginx = "/usr/sbin/nginx";

/** nginx as a reverse proxy that keeps its connections; null, and a line that says what is missing, where there is none. */
export async function startNginx(target: number): Promise<Reference | null> {
  if (!existsSync(nginx)) return missing("nginx", "nginx-light");
  const folder = mkdtempSync(join(tmpdir(), "kiln-nginx-"));
  const port = await freePort();
  writeFileSync(join(folder, "nginx.conf"), nginxConfig(folder, port, target));
  const child = start(nginx, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")]);
  await listening(port);
  return reference("nginx + node:http", port, child, () => rmSync(folder, { recursive: true, force: true }));
}

/** Says on stderr why a line will be missing. */
export function missing(what: string, pkg: string): null {
  process.stderr.write(`kiln: skipped: ${what} is missing; as root, apt-get install ${pkg}\n`);
  return null;
}

function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env: cleanEnvironment });
}

function reference(name: string, port: number, child: ChildProcess, cleanUp: () => void = () => {}): Reference {
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    name,
    port,
    pid: child.pid as number,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      cleanUp();
    },
  };
}

/** One worker for each processor, nothing written per call, as one would set it up who wants it fast. */
function nginxConfig(folder: string, port: number, target: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);
  return `daemon off; user root; worker_processes auto; pid ${folder}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off; ${temporary.join(" ")} keepalive_timeout 600s; keepalive_requests 100000000;
  upstream function { server 127.0.0.1:${target}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://function; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`;
}

/** Of loopback; nobody keeps it meanwhile. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createTcpServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function listening(port: number): Promise<void> {
  for (const giveUpAt = performance.now() + 10_000; performance.now() < giveUpAt; await sleep(20)) {
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise<boolean>((resolve) =>
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false)),
    );
    socket.destroy();
    if (open) return;
  }
  throw new Error(`Nothing listens on port ${port}`);
}

type Handler = (event: unknown, context: object) => unknown;

/** What somebody would write who has this one function to serve. */
function serve(handler: Handler): void {
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (piece: string) => {
      text += piece;
    });
    request.on("end", async () => {
      const answer = JSON.stringify(await handler(JSON.parse(text), {}));
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(answer) });
      response.end(answer);
    });
  });
  // It waits while others are measured.
  server.keepAliveTimeout = 600_000;
  server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
}

if (process.argv[1] === import.meta.filename) {
  const { handler } = createRequire(import.meta.url)(process.argv[2] ?? "") as { handler: Handler };
  serve(handler);
}
