import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awsRuntimeClient, PlainLambda } from "../test/plain-lambda.ts";
import { cellsReady } from "../test/stem-cells.ts";
import { type Bench, compare } from "./bench.ts";
import { measureCold } from "./parts/cold.ts";

const rounds = 21;
const handler = `def handler(event, context):
    return {"message": "Hello, %s!" % event.get("name", "world"), "id": context.aws_request_id}
`;

/** The first call of functions for Lambda that were never called, one at a time, with a pool that is full again before each. */
export const bench: Bench = {
  question:
    "What does a first call of a Python function for Lambda cost beside AWS's own runtime client, started as a plain process?",
  unit: "ms",
  async run() {
    const packages = await awsRuntimeClient();
    const folder = mkdtempSync(join(tmpdir(), "cold-lambda-"));
    writeFileSync(join(folder, "app.py"), handler);
    try {
      const { oursMs, plainMs } = await measureCold({
        rounds,
        settings: { kind: "python:3.11", handler: "app.handler", convention: "lambda" },
        file: (round) => ["app.py", `${handler}# ${round}\n`],
        ready: (platform) => cellsReady(platform, 1),
        plain: () => plainStart(folder, packages),
      });
      return { n: rounds, checks: [compare("first call, p50", oursMs, "awslambdaric's first answer, p50", plainMs, 0.5)] };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** From its start to its first answer. Its end is no part of what is measured. */
async function plainStart(folder: string, packages: string): Promise<void> {
  const client = await PlainLambda.start(folder, "app.handler", packages);
  const { kind, text } = await client.invoke({ text: "{}", requestId: "01934000-0000-0000-0000-000000000001" });
  void client.stop();
  if (kind !== "response") throw new Error(`awslambdaric answered ${text}`);
}
