import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awsRuntimeClient, PlainLambda } from "../test/plain-lambda.ts";
import { type Deployment, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median, RawClient } from "./bench.ts";
import { postEmpty } from "./parts/lanes.ts";
import { withOpen } from "./parts/open.ts";

const times = { rounds: 10, callsARound: 200, warmUpCalls: 3_000 };
const python = 'def handler(event, context):\n    return {"id": context.aws_request_id}\n';
const node = "exports.handler = async (event, context) => ({ id: context.awsRequestId });\n";

/** A hot call of a function for Lambda, with all that the platform does, beside an event and an answer of AWS's runtime client with no platform at all. */
export const bench: Bench = {
  question:
    "What does a hot call of a function for Lambda cost beside AWS's own runtime client, which only gets an event and answers?",
  unit: "ms",
  run: () =>
    withOpen(async (keep) => {
      const folder = mkdtempSync(join(tmpdir(), "hot-lambda-"));
      keep({ stop: () => rmSync(folder, { recursive: true, force: true }) });
      writeFileSync(join(folder, "app.py"), python);
      const plain = keep(await PlainLambda.start(folder, "app.handler", await awsRuntimeClient()));
      const platform = keep(await startPlatform());
      const lane = async (kind: string, file: NonNullable<Deployment["file"]>): Promise<Lane> => {
        const settings = { kind, handler: "app.handler", convention: "lambda" };
        const { id } = await platform.deploy({ name: kind.replace(/\W/g, "-"), file, settings });
        const { port, text } = postEmpty(platform.port, `/invoke/${id}`);
        const client = await RawClient.connect(port);
        keep({ stop: () => client.close() });
        return () => client.call(text);
      };
      const lanes = [
        () => plain.invoke({ text: "{}", requestId: "01934000-0000-0000-0000-000000000001" }),
        await lane("python:3.11", ["app.py", python]),
        await lane("nodejs:24", ["app.js", node]),
      ];
      const [plainMs = 0, pythonMs = 0, nodeMs = 0] = await mediansOf(lanes);
      return {
        n: times.rounds * times.callsARound,
        checks: [
          compare("hot call in Python, p50", pythonMs, "awslambdaric's event and answer, p50", plainMs, 1),
          compare("hot call in Node, p50", nodeMs, "awslambdaric's event and answer, p50", plainMs, 1),
        ],
      };
    }),
};

type Lane = () => Promise<unknown>;

/** In turns, so that what else the machine does meets all of them. */
async function mediansOf(lanes: readonly Lane[]): Promise<number[]> {
  const figures = lanes.map((): number[] => []);
  for (const lane of lanes) for (let i = 0; i < times.warmUpCalls; i++) await lane();
  for (let round = 0; round < times.rounds; round++) {
    for (const [index, lane] of lanes.entries()) {
      for (let i = 0; i < times.callsARound; i++) {
        const beganAt = performance.now();
        await lane();
        figures[index]?.push(performance.now() - beganAt);
      }
    }
  }
  return figures.map(median);
}
