/** boto3 and the `aws` command, as programs of Python that stay up between questions. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipKit, python } from "./kits.ts";
import { type Pair, pairOf } from "./lambda.ts";
import { cleanEnvironment, type Platform } from "./platform.ts";

/** Released together; the one brings what the other is made of. */
const packages = ["awscli==1.46.2", "boto3==1.44.5"];

export interface PythonClients {
  /** A question as `fixtures/lambda/clients.py` takes it. */
  ask(question: object): Promise<unknown>;
  readonly environment: Readonly<Record<string, string>>;
  /** Folder of the packages; `bin/aws` is in it. */
  readonly kit: string;
  close(): Promise<void>;
}

/** Folder of both, with what they know of the API. */
export function awsKit(): Promise<string> {
  return pipKit(packages);
}

export async function startPythonClients(platform: Platform, pair?: Pair): Promise<PythonClients> {
  const kit = await awsKit();
  const { accessKeyId, secretAccessKey } = pair ?? (await pairOf(platform));
  const environment = {
    ...cleanEnvironment,
    PYTHONPATH: kit,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_ENDPOINT_URL_LAMBDA: platform.url,
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_PAGER: "",
  };
  const script = join(import.meta.dirname, "fixtures/lambda/clients.py");
  const child = spawn(python, [script], { env: environment, stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    environment,
    kit,
    async ask(question) {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error("The clients have ended");
      return JSON.parse(value);
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
