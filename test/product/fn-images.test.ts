/** Fn's own client with images, or what it did: test/fixtures/fn/images/README.md. The functions run in a Docker Engine of the test's own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { call } from "../client.ts";
import { imageFunction, noDocker, startEngine, type TestEngine } from "../docker.ts";
import { importBaseImages, plainBuilds } from "../fn-base-images.ts";
import { commandsIn, fnClient, isRecorded, run, settled, startAgain, Tools, toolPath, withInput } from "../fn-client.ts";
import { type Step, stepsIn, stepText } from "../fn-steps.ts";
import { askAgain, type Exchanged, Normal, recorder } from "../fn-tour.ts";
import { type ImageRegistry, noImageRegistry, startImageRegistry } from "../image-registry.ts";
import { goEnvironment } from "../kits.ts";
import { cleanEnvironment, type Platform, startPlatform } from "../platform.ts";
import { layProjects } from "./fn-image-projects.ts";

const fixtures = join(import.meta.dirname, "../fixtures/fn/images");
const [tourFile, stepsFile] = [join(fixtures, "tour.txt"), join(fixtures, "steps.txt")];

const missing = ["docker", "go"].find((program) => spawnSync("which", [program], { env: { PATH: toolPath } }).status !== 0);
const skip = noDocker ?? noImageRegistry ?? (missing === undefined ? false : `${missing} is not installed`);

describe("Fn's client with images", { skip, timeout: 600_000 }, () => {
  let engine: TestEngine;
  let registry: ImageRegistry;
  let platform: Platform;
  before(async () => {
    engine = await startEngine();
    registry = await startImageRegistry();
    await importBaseImages(engine.engine, ["@fnproject/fdk@0.0.76"]);
    platform = await startPlatform({ env: { POLYKILN_IMAGES: "docker", DOCKER_HOST: engine.host } });
  });
  after(async () => {
    await platform?.stop();
    await registry?.stop();
    await engine?.remove();
  });

  const environment = () => ({ ...goEnvironment, ...plainBuilds, DOCKER_HOST: engine.host });

  const clientEnvironment = (home: string, tools: Tools) => ({
    ...cleanEnvironment,
    ...environment(),
    HOME: home,
    PATH: `${tools.folder}:${toolPath}`,
    FN_API_URL: platform.url,
    FN_NODE_FDK_VERSION: "0.0.76",
  });

  /** A shell with the client in it. */
  function shell(home: string, tools: Tools): (line: string) => Promise<string> {
    const env = clientEnvironment(home, tools);
    return (line) => {
      const { words, input } = withInput(line);
      return run("sh", ["-c", words], { home, input, cwd: home, env });
    };
  }

  /** What somebody types in a shell that is no command of the client. */
  const typed = (command: string, home: string) =>
    run("sh", ["-c", command], { home, input: "", cwd: home, env: { ...environment(), PATH: toolPath } });

  test("a tour reads as with Fn's server", { skip: fnClient === "" && "FN_CLI names no client" }, () =>
    withHome(async (home) => {
      const tools = new Tools(home, ["docker", "go"]);
      const env = { ...environment(), PATH: `${tools.folder}:${toolPath}` };
      const steps: Step[] = [];
      const takeStarted = () => steps.push(...tools.take().map((started) => ({ type: "program", started }) as const));
      const between = await recorder(platform.port, (exchanged: Exchanged) => {
        takeStarted();
        steps.push({ type: "request", exchanged });
      });
      const words = { "<url>": between.url, "<registry>": registry.host, "<home>": home, "<node>": process.versions.node };
      const [normal, normalDone] = [new Normal(words), new Normal(words)];
      const lines: string[] = [];
      const done: string[] = [];
      try {
        for (const command of commandsIn(readFileSync(tourFile, "utf8"))) {
          const { words: line, input } = withInput(normal.from(command));
          const isOwn = /(?:^|&& )fn /.test(line);
          const printed = isOwn ? await run("sh", ["-c", line], { home, input, cwd: home, env }) : await typed(line, home);
          takeStarted();
          const texts = steps.splice(0).map((step) => normalDone.of(stepText(step)));
          done.push(isOwn ? `# ${command}\n${texts.join("")}` : stepText({ type: "typed", command }));
          lines.push(`$ ${command}\n${settled(normal.of(withoutTime(printed)))}`);
        }
      } finally {
        await between.close();
      }
      if (isRecorded) {
        writeFileSync(tourFile, lines.join("\n"));
        writeFileSync(stepsFile, done.join("\n"));
      }
      assert.equal(lines.join("\n"), readFileSync(tourFile, "utf8"));
      assert.equal(done.join("\n"), readFileSync(stepsFile, "utf8"));
    }),
  );

  test("what the client does comes to the same", { skip: isRecorded && "it is being recorded" }, () =>
    withHome(async (home) => {
      const normal = new Normal({ "<url>": platform.url, "<registry>": registry.host, "<home>": home });
      for (const step of stepsIn(readFileSync(stepsFile, "utf8"))) await doAgain(step, home, normal);
    }),
  );

  test("what was pushed runs on a server without Docker", async () => {
    const image = `${registry.host}/team/hello-go:1`;
    const folder = mkdtempSync(join(tmpdir(), "kiln-fn-"));
    const other = await startPlatform();
    try {
      await layProjects(folder);
      for (const line of ["go build -o func .", `docker build --tag ${image} .`, `docker push ${image}`])
        assert.doesNotMatch(await typed(line, join(folder, "go")), /\(exit \d+\)/);
      const id = await imageFunction(other.url, "pushed", image);
      assert.equal((await call(`${other.url}/invoke/${id}`, { name: "Dan" })).text, '{"message":"Hello Dan"}\n');
    } finally {
      await other.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  describe("with the client alone", { skip: fnClient === "" && "FN_CLI names no client" }, () => {
    test("what `fn init` makes is deployed and called", () =>
      withHome(async (home) => {
        const fn = shell(home, new Tools(home, ["docker"]));
        assert.match(await fn("fn init --runtime node24 --trigger http made"), /func\.yaml created\.\n$/);
        assert.match(
          await fn("cd made && fn deploy --app init --create-app --local"),
          /Updating function made using image made:0\.0\.2/,
        );
        assert.equal(
          await fn('fn invoke --content-type application/json init made < {"name":"Ada"}'),
          '{"message":"Hello Ada"}\n',
        );
        assert.match(
          await fn("cd demo/go && rm func.yaml && fn init --name own"),
          /Using runtime 'docker'\.\nfunc\.yaml created/,
        );
        await fn("cd demo/go && go build -o func . && fn deploy --app init --local");
        assert.equal(await fn('fn invoke init own < {"name":"Bea"}'), '{"message":"Hello Bea"}\n');
      }));

    test("`fn watch` deploys what was saved", () =>
      withHome(async (home) => {
        const tools = new Tools(home, ["docker"]);
        const fn = shell(home, tools);
        const folder = join(home, "demo/node");
        await fn("cd demo/node && fn deploy --app watched --create-app --local");
        const watch = spawn(fnClient, ["watch", "--app", "watched", "--debounce", "50ms"], {
          cwd: folder,
          env: clientEnvironment(home, tools),
          timeout: 240_000,
        });
        const said = new Said(watch);
        try {
          await said.until(/Press Ctrl\+C to stop\.\n/);
          const file = join(folder, "func.js");
          writeFileSync(file, readFileSync(file, "utf8").replace("by", "watched by"));
          await said.until(/Deploy finished\.\n/);
        } finally {
          watch.kill("SIGINT");
          await said.ended;
        }
        assert.match(await fn("fn invoke watched hello-node < Ada"), /Hello Ada watched by/);
      }));
  });

  async function doAgain(step: Step, home: string, normal: Normal): Promise<void> {
    switch (step.type) {
      case "typed":
        assert.equal(await typed(normal.from(step.command), home), "");
        return;
      case "program": {
        const { program, args, code } = step.started;
        // What was made here under a name of Fn's would be replaced.
        if (args[0] === "pull") return;
        const printed = await startAgain({ ...step.started, args: args.map((word) => normal.from(word)) }, home, environment());
        assert.equal(/\n\(exit (\d+)\)\n$/.exec(printed)?.[1] ?? "0", String(code), `${program} ${args.join(" ")}\n${printed}`);
        return;
      }
      case "request": {
        const { method, target, body, status, answer } = step.exchanged;
        const given = await askAgain(platform.port, step.exchanged, normal);
        assert.equal(given, `${status} ${answer}`, `${method} ${target} ${body}`);
      }
    }
  }
});

/** Gives what `use` makes of a home with the projects of the tour in it. */
async function withHome<T>(use: (home: string) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), "kiln-fn-"));
  try {
    await layProjects(join(home, "demo"));
    return await use(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The client prints a dot for each second of a build, and the time of a pull that failed. */
function withoutTime(printed: string): string {
  return printed.replaceAll(/(?<=^Building image \S+) \.*$/gm, "").replaceAll(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /gm, "@ ");
}

/** What a program that goes on says. */
class Said {
  readonly ended: Promise<unknown>;
  #text = "";
  #heard = () => {};

  constructor(child: ChildProcess) {
    this.ended = once(child, "close");
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#text += text;
        this.#heard();
      });
    }
  }

  /** Waits for it; rejects with what was said instead when the program ends before. */
  async until(pattern: RegExp): Promise<void> {
    const said = new Promise<void>((resolve) => {
      this.#heard = () => pattern.test(this.#text) && resolve();
      this.#heard();
    });
    const early = this.ended.then(() => assert.match(this.#text, pattern));
    await Promise.race([said, early]);
  }
}
