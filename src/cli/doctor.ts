import type { Command } from "commander";
import type { Run } from "./cli.ts";
import { exits, Failure } from "./failure.ts";
import { spawnServer } from "./server-process.ts";
import type { Session } from "./session.ts";

/** One thing that was looked at. */
interface Check {
  readonly name: string;
  readonly state: "ok" | "warning" | "failed";
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
}

/** What `doctor --json` of the server's own program says of this machine. */
interface MachineReport {
  readonly usable: boolean;
  readonly data: string;
  readonly checks: readonly Check[];
}

/** `polykiln doctor`. */
export function register(program: Command, run: Run): void {
  program
    .command("doctor")
    .description("Say what this machine has and lacks for running functions, and how the server is; each lack with its fix.")
    .action(run(doctor));
}

async function doctor(session: Session): Promise<number> {
  const machine = await inspectMachine(session);
  const checks = [nodeCheck(), ...machine.checks, ...(await serverChecks(session))];
  const { out } = session;
  if (out.format === "table") for (const check of checks) out.line(shown(session, check));
  else if (out.format === "name") for (const { name, state } of checks) out.line(`${name} ${state}`);
  else await out.item({ usable: machine.usable, data: machine.data, checks }, "doctor");
  return checks.some(({ state }) => state === "failed") ? exits.failed : exits.ok;
}

const marks = { ok: ["green", "ok     "], warning: ["yellow", "warning"], failed: ["red", "failed "] } as const;

function shown({ out }: Session, { name, state, what, why, fix }: Check): string {
  const [colour, mark] = marks[state];
  const more = [why, fix === undefined ? undefined : `${out.paint("cyan", "fix")}: ${fix}`].filter((line) => line !== undefined);
  return [`${out.paint(colour, mark)} ${name.padEnd(10)} ${what}`, ...more.map((line) => `${" ".repeat(19)}${line}`)].join("\n");
}

function nodeCheck(): Check {
  return { name: "node", state: "ok", what: `Node ${process.versions.node} runs this client` };
}

/** The server's program knows sandboxes; this one only asks it. */
function inspectMachine(session: Session): Promise<MachineReport> {
  return new Promise((resolve, reject) => {
    const child = spawnServer(["doctor", "--json"], {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: session.folder,
      env: session.around.env,
      timeout: 30_000,
    });
    let [text, said] = ["", ""];
    child.stdout?.setEncoding("utf8").on("data", (piece: string) => (text += piece));
    child.stderr?.setEncoding("utf8").on("data", (piece: string) => (said += piece));
    child.once("close", () => {
      try {
        resolve(JSON.parse(text) as MachineReport);
      } catch (cause) {
        reject(
          new Failure({
            code: "E_DOCTOR",
            exit: exits.failed,
            what: "This machine could not be looked at",
            why: said.trim() || undefined,
            cause,
          }),
        );
      }
    });
    child.once("error", reject);
  });
}

/** Whether the server answers, takes the key, and has the same time. */
async function serverChecks(session: Session): Promise<Check[]> {
  const { client, server } = session;
  try {
    const health = await client.exchange("GET", "/kiln/v1/health", { timeoutMs: 3000 });
    if (health.status !== 200) return [strange(client.url, health.status)];
    const { version } = JSON.parse(health.bytes.toString("utf8")) as { version: string };
    const answers: Check = { name: "server", state: "ok", what: `polykiln ${version} answers at ${client.url} (${server.from})` };
    return [answers, await keyCheck(session), clockCheck(String(health.headers.date), session.around.world.now())];
  } catch (error) {
    if (!(error instanceof Failure)) return [strange(client.url, "something that is no JSON")];
    const { what, why, fix } = error.fields;
    // No server is no lack: one can be started.
    return [{ name: "server", state: server.from === "default" ? "warning" : "failed", what, why, fix }];
  }
}

function strange(url: string, status: number | string): Check {
  return {
    name: "port",
    state: "warning",
    what: `Something else answers at ${url}: ${status}`,
    fix: "start the server on another port, polykiln start --listen 127.0.0.1:8081, and say so with POLYKILN_URL",
  };
}

async function keyCheck({ client, namespace, home }: Session): Promise<Check> {
  const answer = await client.exchange("GET", `${home}/apps`, { query: { limit: 1 }, timeoutMs: 3000 });
  if (answer.status === 200) return { name: "key", state: "ok", what: `Namespace ${namespace} may be used` };
  const what = `Namespace ${namespace} may not be used: the server answered ${answer.status}`;
  return {
    name: "key",
    state: "failed",
    what,
    fix: "give a key with --auth ID:SECRET or POLYKILN_AUTH, or another namespace with -n",
  };
}

function clockCheck(date: string, now: number): Check {
  const differenceS = Math.round((Date.parse(date) - now) / 1000);
  if (!(Math.abs(differenceS) > 5)) return { name: "clock", state: "ok", what: "The server has the same time" };
  return {
    name: "clock",
    state: "warning",
    what: `The server's clock differs by ${differenceS} s`,
    why: "Times of records look wrong",
    fix: "turn on time synchronisation (NTP) on both",
  };
}
