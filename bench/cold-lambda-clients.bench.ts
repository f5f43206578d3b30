import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PlainLambda } from "../test/plain-lambda.ts";
import { type Bench, type Check, compare } from "./bench.ts";
import { measureCold } from "./parts/cold.ts";
import { type LambdaClient, lambdaClients } from "./parts/lambda-clients.ts";

const rounds = 11;

/** What a sandbox may cost beside the client itself. */
const ratiosMax: Readonly<Record<string, number>> = { awslambdaric: 2, "aws-lambda-go": 3, "lambda-java": 1.5 };

/** The first call of functions that bring a runtime client of Lambda's, and were never called, one at a time. */
export const bench: Bench = {
  question:
    "What does a first call of a function with each of Lambda's own runtime clients cost beside that client, started as a plain process?",
  unit: "ms",
  async run() {
    const folder = mkdtempSync(join(tmpdir(), "cold-lambda-clients-"));
    const checks: Check[] = [];
    try {
      for (const client of await lambdaClients(folder)) checks.push(await checked(client));
      return { n: rounds, checks };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function checked(client: LambdaClient): Promise<Check> {
  const { name, deployment } = client;
  const { archive, settings = {} } = deployment;
  const { oursMs, plainMs } = await measureCold({
    rounds,
    settings: { memoryMiB: 512, ...settings },
    archive: () => Promise.resolve(archive as Buffer),
    plain: () => plainStart(client),
  });
  return compare(`first call with ${name}, p50`, oursMs, `${name}'s first answer, p50`, plainMs, ratiosMax[name] ?? 3);
}

/** From its start to its first answer. Its end is no part of what is measured. */
async function plainStart({ name, command, env }: LambdaClient): Promise<void> {
  const told = {
    AWS_LAMBDA_FUNCTION_NAME: "hello",
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
  };
  const client = await PlainLambda.run({ command, env: { ...told, ...env } });
  const { kind, text } = await client.invoke({ text: "{}", requestId: "01934000-0000-0000-0000-000000000001" });
  void client.stop();
  if (kind !== "response") throw new Error(`${name} answered ${text}`);
}
