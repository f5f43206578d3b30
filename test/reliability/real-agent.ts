/** An agent over real sandboxes in this process, where tests can look into it: bubblewrap, our frames, the Node runtime. */
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Agent, createAgent } from "../../src/agent/agent.ts";
import { type AgentConfig, agentDefaults } from "../../src/agent/config.ts";
import type { AgentCall, AgentReport } from "../../src/agent/link.ts";
import type { Prepared } from "../../src/image/image.ts";
import { type BodySource, bytesBody, readBody } from "../../src/lib/body.ts";
import { Places } from "../../src/image/code/places.ts";
import { realWorld } from "../../src/lib/world.ts";
import { asPlatformError } from "../../src/model/error.ts";
import type { Fn } from "../../src/model/model.ts";
import { frames } from "../../src/protocol/frames/frames.ts";
import { bubblewrapDriver } from "../../src/sandbox/bubblewrap/driver.ts";
import { functionFolder, runtimeFolder } from "../../src/sandbox/sandbox.ts";
import { readState } from "../../src/sandbox/spawner/state.ts";
import { makeRoot } from "../root-folder.ts";
import { allProtocols, sampleFn } from "../samples.ts";

export interface RealAgent {
  readonly agent: Agent;
  /** A function of this Node source. */
  deploy(source: string, settings?: Partial<Fn>): Fn;
  /** One more file of a function that was not called yet. */
  addFile(fn: Fn, path: string, text: string): void;
  call(fn: Fn, event?: unknown): Promise<CallEnd>;
  /** The control groups of the sandboxes that are frozen, as the kernel says. */
  frozenGroups(): string[];
  /** All control groups of this instance. */
  groups(): string[];
  /** Folders that wait for code, or got it. */
  places(): string[];
  close(): Promise<void>;
}

export interface CallEnd {
  /** The answer's text, or the code of the error. */
  readonly answer: string;
  readonly report: AgentReport;
  /** Grows while the sandbox prints and no other call runs. */
  readonly lines: readonly string[];
}

export function realAgent(config: Partial<AgentConfig> = {}): RealAgent {
  const folder = mkdtempSync(join(tmpdir(), "kiln-agent-"));
  chmodSync(folder, 0o755);
  const root = makeRoot(`${folder}/root`);
  const stateFile = `${folder}/state.json`;
  const world = realWorld();
  const driver = bubblewrapDriver({ world, warn: () => {}, stateFile, placesFolder: `${folder}/places` });
  const command = ["node", `${runtimeFolder}/main.cjs`];
  const runtime = join(import.meta.dirname, "../../runtimes/nodejs");
  const prepared = (code: string): Prepared => ({
    root,
    code,
    runtime,
    path: "/bin",
    env: { KILN_CODE: functionFolder },
    shimCommand: command,
    command: () => command,
  });
  const places = Places.open(`${folder}/cells`, world);
  const protocol = frames();
  const agent = createAgent("test", {
    world,
    driver,
    // Stem cells are not made while the machine is busy, and here it is busy with tests.
    processors: config.stemCells === undefined ? undefined : { count: availableParallelism(), short: false },
    images: {
      prepare: async (source) => prepared(source.type === "code" ? `${folder}/${source.digest}` : ""),
      prepareBlank: async () => ({ ...prepared(""), shimCommand: command, place: await (await places).make() }),
    },
    protocols: allProtocols(protocol),
    config: { ...agentDefaults, memoryMiB: 16_000, startsMax: 2, startTimeoutMs: 30_000, ...config },
  });
  const groups = () =>
    (readState(stateFile)?.cgroupFolders ?? []).flatMap((each) => globSync(`${each}/*/cgroup.procs`)).map(dirname);
  let count = 0;
  return {
    agent,
    groups,
    places: () => globSync(`${folder}/cells/*`),
    frozenGroups: () => groups().filter((group) => isFrozen(group)),
    deploy(source, settings = {}) {
      const digest = String(++count).padStart(64, "0");
      mkdirSync(`${folder}/${digest}`);
      writeFileSync(`${folder}/${digest}/index.js`, source);
      const id = `01JD${String(count).padStart(22, "0")}`;
      return sampleFn({
        id,
        name: `fn-${count}`,
        source: { type: "code", kind: "nodejs:24", digest, handler: null, command: null },
        egress: "none",
        ...settings,
      });
    },
    addFile({ source }, path, text) {
      const file = `${folder}/${source.type === "code" ? source.digest : ""}/${path}`;
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    },
    call: (fn, event = {}) => call(agent, fn, event, world.newId()),
    async close() {
      await agent.close(0);
      await driver.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function call(agent: Agent, fn: Fn, event: unknown, callId: string): Promise<CallEnd> {
  const reported = Promise.withResolvers<AgentReport>();
  const lines: string[] = [];
  const headers = ["content-type", "application/json"];
  const body = bytesBody(Buffer.from(JSON.stringify(event)));
  const answered = new Promise<BodySource>((resolve, reject) => {
    const asked: AgentCall = {
      fn,
      app: null,
      request: { callId, headers, http: null, body },
      waitMsMax: 60_000,
      answered: (_status, _headers, answer) => resolve(answer),
      failed: reject,
      report: reported.resolve,
      log: ({ text }) => lines.push(text),
    };
    agent.run(asked, new AbortController().signal);
  });
  try {
    const bytes = await readBody(await answered, 1_000_000, () => new Error("The answer is too large"));
    return { answer: bytes.toString(), report: await reported.promise, lines };
  } catch (error) {
    return { answer: asPlatformError(error).code, report: await reported.promise, lines };
  }
}

function isFrozen(group: string): boolean {
  try {
    return /^frozen 1$/m.test(readFileSync(`${group}/cgroup.events`, "utf8"));
  } catch {
    return false;
  }
}
