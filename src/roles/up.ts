import { readFileSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { commandStartedAt } from "../config/load.ts";
import { parseListen } from "../config/values.ts";
import { isLoopbackHost } from "../http/loopback.ts";
import { printable } from "../lib/printable.ts";
import { realWorld } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { LogLine } from "../model/model.ts";
import { createLogger } from "../telemetry/logger.ts";
import { startEmbedded } from "./embedded.ts";
import { untilStopped } from "./signals.ts";

export interface UpOptions {
  readonly json: boolean;
  /** Stop after the examples were called. */
  readonly once: boolean;
}

/** What `up --json` prints: `readyMs` counts from the start of the command to the first 200. */
interface UpReport {
  readonly ready_ms: number;
  readonly functions: readonly ExampleReport[];
}

interface ExampleReport {
  readonly name: string;
  readonly status: number;
  readonly cold_ms: number;
  readonly hot_ms: number;
}

interface Example {
  readonly name: string;
  readonly kind: string;
  readonly file: string;
}

const examples: readonly Example[] = [
  { name: "hello-node", kind: "nodejs:24", file: "index.js" },
  { name: "hello-python", kind: "python:3.11", file: "handler.py" },
];

type Headers = Readonly<Record<string, string>>;

const world = realWorld();

/** Hot calls are timed this often; the middle one is told. */
const hotCalls = 21;

/** The platform with the examples in it: starts it, deploys them, calls each cold and hot, then serves with live logs. */
export async function up(config: Config, options: UpOptions): Promise<number> {
  const logger = createLogger(config.logLevel);
  const stopped = untilStopped(logger);
  const live = { on: false };
  const platform = await startEmbedded({
    config,
    logger,
    watch: (name, activationId, line) => {
      if (live.on) process.stderr.write(`${new Date(line.at).toISOString()} ${printable(name)} ${activationId} ${shown(line)}\n`);
    },
  });
  try {
    const report = await callExamples(platform.url, credentialFor(config, platform.credential));
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else process.stdout.write(`${summary(platform.url, report)}\n`);
    if (!options.once) {
      live.on = true;
      await stopped;
    }
    return report.functions.every(({ status }) => status === 200) ? 0 : 1;
  } finally {
    await platform.close();
  }
}

/** Only where others than this machine get in a credential is asked for. */
function credentialFor(config: Config, credential: string): Headers {
  return isLoopbackHost(parseListen(config.listen).host) ? {} : { authorization: `Bearer ${credential}` };
}

async function callExamples(url: string, headers: Headers): Promise<UpReport> {
  const app = `${url}/kiln/v1/namespaces/guest/apps/examples`;
  await put(app, {}, headers);
  let readyMs: number | undefined;
  const functions: ExampleReport[] = [];
  for (const example of examples) {
    await put(`${app}/functions/${example.name}`, definition(example), headers);
    const cold = await timed(`${app}/functions/${example.name}/invoke`, headers);
    readyMs ??= Math.round(sinceStartMs());
    const hot: number[] = [];
    for (let i = 0; i < hotCalls; i++) hot.push((await timed(`${app}/functions/${example.name}/invoke`, headers)).ms);
    const middle = hot.toSorted((a, b) => a - b)[hotCalls >> 1] as number;
    functions.push({ name: example.name, status: cold.status, cold_ms: tenths(cold.ms), hot_ms: hundredths(middle) });
  }
  return { ready_ms: readyMs ?? 0, functions };
}

function definition({ name, kind, file }: Example): object {
  const source = readFileSync(new URL(`../../examples/${name}/${file}`, import.meta.url));
  return { kind, code: source.toString("base64"), fileName: file };
}

async function timed(url: string, headers: Headers): Promise<{ status: number; ms: number }> {
  const beganAt = world.monotonic();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: '{"name":"world"}',
  });
  const text = await response.text();
  const ms = world.monotonic() - beganAt;
  if (!response.ok) process.stderr.write(`polykiln: POST ${url}: ${response.status} ${text}\n`);
  return { status: response.status, ms };
}

async function put(url: string, body: object, headers: Headers): Promise<void> {
  const response = await fetch(url, {
    method: "PUT",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new PlatformError("internal", `PUT ${url} answered ${response.status}: ${await response.text()}`);
}

/** Since the command was given: by the `kiln` script, or else to this process. */
function sinceStartMs(): number {
  const startedAt = commandStartedAt();
  return startedAt === undefined ? world.monotonic() : world.now() - startedAt;
}

function summary(url: string, { ready_ms, functions }: UpReport): string {
  const lines = functions.map(
    ({ name, status, cold_ms, hot_ms }) =>
      `  ${name.padEnd(14)} ${status}  cold ${cold_ms} ms, hot ${hot_ms} ms\n  ${" ".repeat(14)} curl -d '{"name":"you"}' -H 'content-type: application/json' ${url}/kiln/v1/namespaces/guest/apps/examples/functions/${name}/invoke`,
  );
  return [`polykiln serves ${url}, ready after ${ready_ms} ms`, ...lines, "Logs of the functions follow; Ctrl-C stops."].join(
    "\n",
  );
}

/** Terminal control characters of a function's output are shown, not obeyed. */
function shown({ stream, text }: LogLine): string {
  const harmless = printable(text);
  return stream === "stdout" ? harmless : `[${stream}] ${harmless}`;
}

const tenths = (ms: number) => Math.round(ms * 10) / 10;
const hundredths = (ms: number) => Math.round(ms * 100) / 100;
