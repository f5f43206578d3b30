/** One small function with each of Lambda's own runtime clients: as it is deployed here, and as AWS's emulator starts it. */
import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { makeZip } from "../../test/archives.ts";
import { goModuleBuild, javaBuild, javaMissing, mavenKit, python } from "../../test/kits.ts";
import { pack } from "../../test/pack.ts";
import { awsRuntimeClient } from "../../test/plain-lambda.ts";
import type { Deployment } from "../../test/platform.ts";

export interface LambdaClient {
  readonly name: string;
  readonly deployment: Deployment;
  /** The runtime as a program of this machine, and its variables. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The function in Python; its name is `app.handler`. */
export const pythonSource = 'def handler(event, context):\n    return {"id": context.aws_request_id}\n';
const requirements = "awslambdaric==4.2.2\n";

/** `folder`: empty, for what they need on this machine. Of those that cannot be had here one line says so. */
export async function lambdaClients(folder: string): Promise<readonly LambdaClient[]> {
  const clients = await Promise.all([pythonClient(folder), goClient(), javaClient()]);
  return clients.filter((client) => client !== null);
}

async function pythonClient(folder: string): Promise<LambdaClient> {
  writeFileSync(join(folder, "app.py"), pythonSource);
  const files = { "app.py": pythonSource, "requirements.txt": requirements };
  const handler = "app.handler";
  return {
    name: "awslambdaric",
    deployment: {
      name: "awslambdaric",
      archive: makeZip(Object.entries(files).map(([name, data]) => ({ name, data }))),
      settings: { kind: "python:3.11", protocol: "runtime-api", handler },
    },
    command: [python, "-m", "awslambdaric", handler],
    env: { PYTHONPATH: [folder, await awsRuntimeClient()].join(delimiter), PYTHONDONTWRITEBYTECODE: "1" },
  };
}

async function goClient(): Promise<LambdaClient | null> {
  const name = "aws-lambda-go";
  const built = await goModuleBuild(join(import.meta.dirname, "go-lambda"));
  if ("missing" in built) return skipped(name, built.missing);
  const archive = makeZip([{ name: "bootstrap", data: readFileSync(built.program), mode: 0o100755 }]);
  const settings = { kind: "provided:1", handler: "bootstrap" };
  return { name, deployment: { name, archive, settings }, command: [built.program], env: {} };
}

async function javaClient(): Promise<LambdaClient | null> {
  const name = "lambda-java";
  const missing = await javaMissing();
  if (missing !== null) return skipped(name, missing);
  const jars = await mavenKit("com.amazonaws:aws-lambda-java-runtime-interface-client:2.9.0");
  const classes = await javaBuild(join(import.meta.dirname, "java-lambda"), jars);
  const handler = "example.Hello";
  const settings = { kind: "java:17", protocol: "runtime-api", handler };
  const main = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda";
  return {
    name,
    deployment: { name, archive: await pack({ folder: classes }, { folder: jars }), settings },
    command: ["java", "-cp", [classes, join(jars, "*")].join(delimiter), main, handler],
    env: {},
  };
}

function skipped(name: string, why: string): null {
  process.stderr.write(`kiln: skipped: a function with ${name} cannot be built, ${why}\n`);
  return null;
}
