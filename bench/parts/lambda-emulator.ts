/** AWS's own local emulator of Lambda. Its program is not ours and has to be built before: `cmd/aws-lambda-rie` of aws/aws-lambda-runtime-interface-emulator. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { cleanEnvironment } from "../../test/platform.ts";
import { freePort } from "./references.ts";

const startMsMax = 20_000;

/** Its program, by the variable LAMBDA_RIE; null, and a line that says what is missing, where there is none. */
export function emulatorProgram(): string | null {
  const program = process.env["LAMBDA_RIE"] ?? "";
  if (program !== "" && existsSync(program)) return program;
  const why = program === "" ? "LAMBDA_RIE does not name it" : `LAMBDA_RIE names ${program}, which is not there`;
  const fix = "go build ./cmd/aws-lambda-rie in the sources of aws/aws-lambda-runtime-interface-emulator";
  process.stderr.write(`kiln: skipped: AWS's emulator of Lambda is missing, ${why}; ${fix}\n`);
  return null;
}

export interface Emulator {
  readonly port: number;
  stop(): Promise<void>;
}

/** What calls of its one function are sent to. */
export const emulatorPath = "/2015-03-31/functions/function/invocations";

/** It starts the command, which is a function's runtime, with the first call. What either prints is read by nobody. */
export async function startEmulator(
  program: string,
  command: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Emulator> {
  const port = await freePort();
  const addresses = [
    "--runtime-interface-emulator-address",
    `127.0.0.1:${port}`,
    "--runtime-api-address",
    `127.0.0.1:${await freePort()}`,
  ];
  const child = spawn(program, ["--log-level", "error", ...addresses, ...command], {
    cwd: folder,
    env: { ...cleanEnvironment, ...env },
    stdio: "ignore",
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    await Promise.race([ended, sleep(3000).then(() => child.kill("SIGKILL"))]);
    await ended;
  };
  const url = `http://127.0.0.1:${port}${emulatorPath}`;
  for (const giveUpAt = performance.now() + startMsMax; !(await answers(url)); await sleep(100)) {
    if (performance.now() < giveUpAt && child.exitCode === null) continue;
    await stop();
    throw new Error(`AWS's emulator does not answer with ${command.join(" ")}`);
  }
  return { port, stop };
}

async function answers(url: string): Promise<boolean> {
  return await fetch(url, { method: "POST", body: "{}" }).then(
    ({ ok }) => ok,
    () => false,
  );
}
