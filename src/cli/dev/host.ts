import type { ChildProcess } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Client } from "../client.ts";
import { devFile, devFolder } from "../connection.ts";
import { exits, Failure } from "../failure.ts";
import { spawnServer } from "../server-process.ts";
import type { Session } from "../session.ts";

/** The server that `dev` works with. */
export interface DevHost {
  readonly client: Client;
  readonly namespace: string;
  /** Resolves with an exit status when the server ends by itself; never for one that others run. */
  readonly ended: Promise<number>;
  /** Tells other commands of this folder where it is; called once everything is deployed. */
  publish(): void;
  close(): Promise<void>;
}

export interface HostOptions {
  readonly listen?: string;
  readonly data?: string;
  readonly sandbox?: string;
}

/** A server that others run. */
export function joinServer(session: Session): DevHost {
  return {
    client: session.client,
    namespace: session.namespace,
    ended: new Promise(() => {}),
    publish: () => {},
    close: async () => {},
  };
}

/** A server of our own, which ends with us, whatever ends us: it watches the pipe that is its stdin. */
export async function startHost(session: Session, folder: string, options: HostOptions): Promise<DevHost> {
  const { around } = session;
  const data = options.data ?? around.env["POLYKILN_DATA"] ?? devFolder(folder, around.env);
  const listen = options.listen ?? (around.env["POLYKILN_LISTEN"] || "127.0.0.1:8080");
  const args = ["start", "--json", "--with-stdin", "--listen", listen, "--data", data, "--log-level", "warn"];
  if (options.sandbox !== undefined) args.push("--sandbox", options.sandbox);
  // A group of its own: a terminal's Ctrl-C must reach it through us, once.
  const child = spawnServer(args, { stdio: ["pipe", "pipe", "pipe"], detached: true, env: around.env, cwd: folder });
  const said = listenTo(child, session);
  const ended = new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
  const ready = await Promise.race([firstLine(child), ended.then((code) => Promise.reject(didNotStart(code, said(), listen)))]);
  const { url, auth } = JSON.parse(ready) as { url: string; auth: string };
  const file = devFile(folder, around.env);
  const client = session.clientOf({ url, auth: session.flags.auth ?? auth, fallbackKeyFile: join(data, "guest.key") });
  let closing = false;
  return {
    client,
    namespace: session.flags.namespace ?? "guest",
    ended: ended.then((code) => {
      if (!closing && !around.interrupted.aborted)
        session.say(session.paint("red", `The server ended by itself: ${said().trim().split("\n").at(-1)}`));
      return code === 0 ? exits.failed : code;
    }),
    publish() {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(file, JSON.stringify({ url, pid: process.pid }), { mode: 0o600 });
    },
    async close() {
      closing = true;
      rmSync(file, { force: true });
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** What the server says on stderr: kept for its end, and shown, since only warnings come. */
function listenTo(child: ChildProcess, session: Session): () => string {
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    text = (text + piece).slice(-10_000);
    for (const line of piece.split("\n"))
      if (session.flags.debug === true && line !== "") session.say(session.paint("dim", line));
  });
  // Nobody but us may be told when it is gone.
  child.stdin?.on("error", () => {});
  return () => text;
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.once("error", reject);
    child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
      const feed = text.indexOf("\n");
      if (feed >= 0) resolve(text.slice(0, feed));
    });
  });
}

function didNotStart(code: number, said: string, listen: string): Failure {
  const own = said
    .split("\n")
    .findLast((line) => line.startsWith("polykiln: "))

    ?.slice("polykiln: ".length);
  const taken = /in use|already (?:used|taken)|EADDRINUSE|is taken/i.test(said);
  return new Failure({
    code: taken ? "E_PORT_IN_USE" : "E_SERVER_START",
    exit: code === exits.usage ? exits.usage : exits.failed,
    what: taken ? `The address ${listen} is in use` : "The server could not start",
    why: own ?? said.trim().split("\n").at(-1),
    fix: taken
      ? "take a free one, polykiln dev --listen 127.0.0.1:0, or stop what runs there"
      : "polykiln doctor says what this machine lacks",
  });
}
