import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pairOf } from "../test/lambda.ts";
import { awsRuntimeClient, PlainLambda } from "../test/plain-lambda.ts";
import { type Deployment, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, type Check, compare, median, RawClient } from "./bench.ts";
import { type LambdaClient, lambdaClients, pythonSource } from "./parts/lambda-clients.ts";
import { emulatorPath, emulatorProgram, startEmulator } from "./parts/lambda-emulator.ts";
import { postEmpty } from "./parts/lanes.ts";
import { withOpen } from "./parts/open.ts";
import { signedInvoke } from "./parts/signed-request.ts";

const times = { rounds: 60, callsARound: 50, warmUpCalls: 3_000 };
const nodeSource = "exports.handler = async (event, context) => ({ id: context.awsRequestId });\n";

/** A function here, and the client whose figure under the emulator its own stands beside. */
interface Subject {
  readonly name: string;
  readonly deployment: Deployment;
  readonly beside: string;
}

/** Of the emulator's figure. What a client takes by itself is more than a third of that, and waits for a processor where there is none to spare. */
const target = 0.5;

interface Lane {
  readonly name: string;
  call(): Promise<unknown>;
}

/**
 * A hot call of a function for Lambda, with all that the platform does, beside AWS's own emulator, which does nothing but pass events on, with the same
 * client over HTTP; and of handlers on our own runtimes beside an event and an answer of AWS's runtime client with no platform at all.
 */
export const bench: Bench = {
  question:
    "What does a hot call of a function for Lambda cost, plain and signed, beside AWS's own emulator and its bare runtime client?",
  unit: "ms",
  run: () =>
    withOpen(async (keep) => {
      const folder = mkdtempSync(join(tmpdir(), "hot-lambda-"));
      keep({ stop: () => rmSync(folder, { recursive: true, force: true }) });
      const clients = await lambdaClients(folder);
      const platform = keep(await startPlatform());
      const subjects: (Subject & { readonly lanes: readonly Lane[] })[] = [];
      for (const subject of [...clients.map((client) => ({ ...client, beside: client.name })), ...handlers])
        subjects.push({ ...subject, lanes: await lanesOf(subject, platform, keep) });
      const plain = keep(await PlainLambda.start(folder, "app.handler", await awsRuntimeClient()));
      const bare = { name: "awslambdaric's event and answer", call: () => plain.invoke({ text: "{}", requestId }) };
      const emulated = await emulatorLanes(clients, folder, keep);
      const p50 = await mediansOf([bare, ...emulated, ...subjects.flatMap(({ lanes }) => lanes)]);
      const besides = ({ name }: Lane, other: string, atMost: number): Check[] => {
        const [ms, otherMs] = [p50.get(name) ?? 0, p50.get(other)];
        return otherMs === undefined ? [] : [compare(`${name}, p50`, ms, `${other}, p50`, otherMs, atMost)];
      };
      const checks = subjects.flatMap(({ name, beside, lanes }) => {
        const isHandler = handlers.some((handler) => handler.name === name);
        return lanes.flatMap((lane) => [
          ...(isHandler ? besides(lane, bare.name, 1) : []),
          ...besides(lane, emulatorName(beside), target),
        ]);
      });
      return { n: times.rounds * times.callsARound, checks };
    }),
};

const requestId = "01934000-0000-0000-0000-000000000001";
const emulatorName = (client: string) => `AWS's emulator with ${client}`;

/** On our own runtimes, which AWS has no emulator of: they stand beside that with the client for Python. */
const handlers: readonly Subject[] = [
  handlerIn("Python", { kind: "python:3.11" }, ["app.py", pythonSource]),
  handlerIn("Node", { kind: "nodejs:24" }, ["app.js", nodeSource]),
];

function handlerIn(language: string, kind: { readonly kind: string }, file: readonly [string, string]): Subject {
  const settings = { ...kind, handler: "app.handler", convention: "lambda" };
  return { name: `a handler in ${language}`, deployment: { name: language, file, settings }, beside: "awslambdaric" };
}

type Keep = <P extends { stop(): unknown } | null>(part: P) => P;

/** One of a function on our invoke path, and one of the same function through Lambda's door. */
async function lanesOf({ name, deployment }: Subject, platform: Platform, keep: Keep): Promise<Lane[]> {
  const { id } = await platform.deploy({ app: "_", ...deployment });
  const pair = await pairOf(platform);
  const plain = postEmpty(platform.port, `/invoke/${id}`).text;
  const signed = renewed(() => signedInvoke(pair, deployment.name));
  const lane = (way: "plain" | "signed", text: () => string): Lane => {
    return { name: `${name}, ${way}`, call: callsTo(platform.port, text, keep) };
  };
  return [lane("plain", () => plain), lane("signed", signed)];
}

/** Empty where there is no emulator. */
async function emulatorLanes(clients: readonly LambdaClient[], folder: string, keep: Keep): Promise<Lane[]> {
  const program = emulatorProgram();
  if (program === null) return [];
  const lanes: Lane[] = [];
  for (const { name, command, env } of clients) {
    const { port } = keep(await startEmulator(program, command, folder, env));
    const { text } = postEmpty(port, emulatorPath);
    lanes.push({ name: emulatorName(name), call: callsTo(port, () => text, keep) });
  }
  return lanes;
}

/** On one connection, which is made with the first of them: one that says nothing for long is closed. */
function callsTo(port: number, text: () => string, keep: Keep): () => Promise<void> {
  let connecting: Promise<RawClient> | null = null;
  return async () => {
    connecting ??= RawClient.connect(port).then((client) => {
      keep({ stop: () => client.close() });
      return client;
    });
    const answer = await (await connecting).call(text());
    if (answer.slice(9, 12) !== "200") throw new Error(`Unexpected answer: ${answer.slice(0, 400)}`);
  };
}

/** What is good for five minutes, made anew before that. */
function renewed(make: () => string): () => string {
  let [text, madeAt] = [make(), performance.now()];
  return () => {
    if (performance.now() - madeAt > 120_000) [text, madeAt] = [make(), performance.now()];
    return text;
  };
}

/** By name, in ms. In turns, so that what else the machine does meets all of them. */
async function mediansOf(lanes: readonly Lane[]): Promise<ReadonlyMap<string, number>> {
  const figures = lanes.map((): number[] => []);
  for (const lane of lanes) for (let i = 0; i < times.warmUpCalls; i++) await lane.call();
  for (let round = 0; round < times.rounds; round++) {
    for (const [index, lane] of lanes.entries()) {
      for (let i = 0; i < times.callsARound; i++) {
        const beganAt = performance.now();
        await lane.call();
        figures[index]?.push(performance.now() - beganAt);
      }
    }
  }
  return new Map(lanes.map(({ name }, index) => [name, median(figures[index] ?? [])]));
}
