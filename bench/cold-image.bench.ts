import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { imageFunction } from "../test/docker.ts";
import { cleanEnvironment, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median, RawClient } from "./bench.ts";
import { withOpen } from "./parts/open.ts";
import { timeMs } from "./parts/plain.ts";
import { type SharedImage, startSharedImage } from "./parts/shared-image.ts";

const rounds = 20;
const giveUpMs = 60_000;

/** First calls of functions of one image that is on the disk, in turns with `docker run` of that image until its function has answered once. */
export const bench: Bench = {
  question: "What does the first call of an unpacked image cost beside docker run of the same image?",
  unit: "ms",
  run: () =>
    withOpen(async (keep) => {
      const image = keep(await startSharedImage());
      process.stderr.write(`kiln: docker's storage driver: ${await image.docker(["info", "--format", "{{.Driver}}"])}`);
      const platform = keep(await startPlatform());
      const paths = await deployed(platform, image);
      const client = await RawClient.connect(platform.port);
      keep({ stop: () => client.close() });
      const oursMs: number[] = [];
      const dockerMs: number[] = [];
      for (const [round, path] of paths.entries()) {
        const ours = await timeMs(() => firstCall(client, path));
        const theirs = await dockerRun(image);
        // The first round warms the file cache for both.
        if (round === 0) continue;
        oursMs.push(ours);
        dockerMs.push(theirs);
      }
      const check = compare(
        "first call of an unpacked image, p50",
        median(oursMs),
        "docker run to its first answer, p50",
        median(dockerMs),
        0.3,
      );
      return { n: rounds, checks: [check] };
    }),
};

/** Each is a function of its own whose image is there; sandboxes do not stay. */
async function deployed(platform: Platform, { name }: SharedImage): Promise<string[]> {
  const ids: string[] = [];
  for (let round = 0; round <= rounds; round++) {
    ids.push(await imageFunction(platform.url, `cold-${round}`, name, { idle_timeout: 1 }));
  }
  const pulled = () => ids.every((id) => existsSync(join(platform.data, "images/pins", id)));
  for (const giveUpAt = performance.now() + giveUpMs; !pulled(); await sleep(20)) {
    if (performance.now() > giveUpAt) throw new Error(`The image does not come: ${platform.log()}`);
  }
  // The pull ends a moment after the digest is known; this call waits for it.
  const client = await RawClient.connect(platform.port);
  await firstCall(client, `/invoke/${await imageFunction(platform.url, "pulled", name, { idle_timeout: 1 })}`);
  client.close();
  return ids.map((id) => `/invoke/${id}`);
}

async function firstCall(client: RawClient, path: string): Promise<void> {
  const answer = await client.call(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  );
  if (!answer.startsWith("HTTP/1.1 200")) throw new Error(`Unexpected answer: ${answer.slice(0, 900)}`);
}

/** From the start of the command to the answer over the function's socket, in ms; what it leaves is removed after that. */
async function dockerRun({ host, name, docker }: SharedImage): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "kiln-run-"));
  chmodSync(folder, 0o777);
  const container = basename(folder);
  const env = ["--env", "FN_FORMAT=http-stream", "--env", "FN_LISTENER=unix:/tmp/iofs/lsnr.sock"];
  const options = ["--rm", "--network", "none", "--name", container, "--volume", `${folder}:/tmp/iofs`, ...env];
  const beganAt = performance.now();
  const child = spawn("docker", ["--host", host, "run", ...options, name], { stdio: "ignore", env: cleanEnvironment });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  try {
    await answered(`${folder}/lsnr.sock`);
    return performance.now() - beganAt;
  } finally {
    await docker(["rm", "--force", container]);
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As Fn's server asks a function, as soon as it listens. */
async function answered(socketPath: string): Promise<void> {
  for (const giveUpAt = performance.now() + giveUpMs; performance.now() < giveUpAt; await sleep(1)) {
    if (!existsSync(socketPath)) continue;
    const status = await ask(socketPath).catch(() => 0);
    if (status === 200) return;
  }
  throw new Error("The function of the container does not answer");
}

function ask(socketPath: string): Promise<number> {
  const headers = {
    "Content-Type": "application/json",
    "Fn-Call-Id": "01",
    "Fn-Deadline": new Date(Date.now() + giveUpMs).toISOString(),
  };
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: "/call", method: "POST", headers }, (answer) => {
      answer.resume().once("end", () => resolve(answer.statusCode ?? 0));
    });
    sent.once("error", reject).end("{}");
  });
}
