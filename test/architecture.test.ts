/**
 * The map in ARCHITECTURE.md as a test: who may import whom, and what must not occur where. Each failure prints the sentence
 * that is broken and the line that breaks it.
 */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

const floors: Readonly<Record<string, number>> = {
  roles: 5,
  cli: 5,
  api: 4,
  apigw: 4,
  lb: 4,
  extensions: 4,
  events: 3,
  flow: 3,
  invocation: 3,
  scheduler: 3,
  agent: 3,
  auth: 3,
  metering: 3,
  http: 2,
  sandbox: 2,
  protocol: 2,
  image: 2,
  store: 2,
  logs: 2,
  queue: 2,
  cluster: 2,
  wire: 1.5,
  sql: 1.5,
  oci: 1.5,
  model: 0.5,
  config: 1,
  telemetry: 1,
  lib: 1,
};

/** The one exception among neighbours: on floor 3 the rooms below `events` may be used from the left. */
const neighbours: Readonly<Record<string, readonly string[]>> = {
  events: ["flow", "invocation", "auth", "metering", "scheduler", "agent"],
  flow: ["invocation", "auth", "metering", "scheduler", "agent"],
  invocation: ["auth", "metering", "scheduler", "agent"],
};

interface Import {
  readonly from: string;
  readonly to: string;
  /** Packages and node: modules; empty for files of ours. */
  readonly external: string;
  readonly value: boolean;
}

const files = globSync("src/**/*.ts").filter((file) => !file.endsWith(".test.ts"));
const texts = new Map(files.map((file) => [file, readFileSync(file, "utf8")]));
const imports = files.flatMap((file) => importsOf(file, texts.get(file) as string));

function importsOf(file: string, text: string): Import[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?([^;"']*?\sfrom\s+)?["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g;
  return [...text.matchAll(pattern)].map((match) => {
    const target = match[3] ?? (match[4] as string);
    const names = match[2]?.match(/\{([^}]*)\}/)?.[1];
    const onlyTypes = names !== undefined && names.split(",").every((name) => /^\s*(type\s|$)/.test(name));
    return {
      from: file,
      to: target.startsWith(".") ? normalize(join(dirname(file), target)) : "",
      external: target.startsWith(".") ? "" : target,
      value: match[1] === undefined && !onlyTypes && match[4] === undefined,
    };
  });
}

const roomOf = (file: string) => file.split("/")[1] as string;

/** Dialects are rooms of their own: `api/fn` and `api/kiln` do not know each other. */
const quarterOf = (file: string) => (roomOf(file) === "api" ? file.split("/").slice(1, 3).join("/") : roomOf(file));

function report(sentence: string, offences: readonly string[]): void {
  assert.equal(offences.length, 0, `${sentence}\n  ${offences.join("\n  ")}`);
}

/** Lines of the files chosen that match, as `file:line: text`. Comment lines do not count. */
function linesMatching(pattern: RegExp, chosen: (file: string) => boolean): string[] {
  return files.filter(chosen).flatMap((file) =>
    (texts.get(file) as string)
      .split("\n")
      .map((line, index) => ({ line, at: `${file}:${index + 1}: ${line.trim()}` }))
      .filter(({ line }) => pattern.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line))
      .map(({ at }) => at),
  );
}

test("imports go down floors or stay inside a room", () => {
  const offences = imports
    .filter(({ from, to }) => to !== "" && quarterOf(from) !== quarterOf(to))
    .filter(({ from, to }) => {
      const [here, there] = [roomOf(from), roomOf(to)];
      const [hereFloor, thereFloor] = [floors[here], floors[there]];
      assert.ok(hereFloor !== undefined, `${from}: room ${here} is on no floor`);
      assert.ok(thereFloor !== undefined, `${from} imports ${to}, a room on no floor`);
      return thereFloor >= hereFloor && !neighbours[here]?.includes(there);
    })
    .map(({ from, to }) => `${from} imports ${to}`);
  report("Imports go down floors, or stay inside a room; rooms of one floor do not know each other.", offences);
});

test("no value-import cycles", () => {
  const graph = new Map<string, string[]>();
  for (const { from, to, value } of imports) if (value && to !== "") graph.set(from, [...(graph.get(from) ?? []), to]);
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (done.has(file)) return;
    done.add(file);
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
  };
  for (const file of graph.keys()) visit(file, []);
  report("No file imports itself through others.", cycles);
});

test("model imports nothing", () => {
  const offences = imports.filter(
    ({ from, to, external }) => roomOf(from) === "model" && (external !== "" || roomOf(to) !== "model"),
  );
  report(
    "The model imports nothing.",
    offences.map(({ from, to, external }) => `${from} imports ${external || to}`),
  );
});

test("the scheduler does no I/O", () => {
  const offences = imports.filter(({ from, external }) => roomOf(from) === "scheduler" && external !== "");
  report(
    "Placement is a pure function: scheduler/ imports no module that could do I/O.",
    offences.map(({ from, external }) => `${from} imports ${external}`),
  );
});

test("technologies stay behind their ports", () => {
  report(
    "agent/ names no sandbox technology and no protocol.",
    linesMatching(/bubblewrap|bwrap|docker|http-stream|http-port/i, (file) => roomOf(file) === "agent"),
  );
  report(
    "A protocol sees a connection, never a sandbox.",
    imports
      .filter(({ from, to }) => roomOf(from) === "protocol" && roomOf(to) === "sandbox")
      .map(({ from, to }) => `${from} imports ${to}`),
  );
});

test("the client knows only HTTP", () => {
  const ground = new Set(["cli", "model", "lib", "config"]);
  report(
    "cli/ knows servers by HTTP alone: it imports nothing but the ground.",
    imports
      .filter(({ from, to }) => roomOf(from) === "cli" && to !== "" && !ground.has(roomOf(to)))
      .map(({ from, to }) => `${from} imports ${to}`),
  );
});

test("dialect words stop at api/", () => {
  report(
    "Status codes and words of a dialect occur in api/ only, and in the client's requests for manifests: no action or blackbox elsewhere.",
    linesMatching(/\b(blackbox|OpenWhisk[A-Z]|whisk_)/, (file) => roomOf(file) !== "api" && file !== "src/cli/manifest/wire.ts"),
  );
});

test("environment variables are read in one file", () => {
  report(
    "process.env occurs in config/load.ts only (and in the spawner, which hands none on).",
    linesMatching(/process\.env\b/, (file) => file !== "src/config/load.ts"),
  );
});

test("time and chance come from outside", () => {
  report(
    "No room calls Date.now, setTimeout, setInterval or Math.random itself: it is given a World.",
    linesMatching(
      /\b(Date\.now|Math\.random|performance\.now)\(|(?<![.\w])set(Timeout|Interval)\(/,
      (file) => file !== "src/lib/world.ts" && !file.includes("/spawner/"),
    ),
  );
});

test("one room opens TCP sockets", () => {
  report(
    "http/ is the only room that opens a TCP server socket; sandbox/egress/ opens those that sandboxes alone can reach, and sandbox/endpoints/ those of programs without a sandbox.",
    linesMatching(
      /\.listen\(\s*(\d|\{\s*(host|port)|port)/,
      (file) =>
        roomOf(file) !== "http" && !["src/sandbox/egress/sockets-main.ts", "src/sandbox/endpoints/arrivals.ts"].includes(file),
    ),
  );
});

test("every room has a contract file of its own name that begins with its promises", () => {
  const rooms = new Set(files.map(roomOf));
  const offences = [...rooms]
    .filter((room) => !["lib", "wire", "api", "roles"].includes(room))
    .filter((room) => {
      const contract = [`src/${room}/${room}.ts`, room === "telemetry" ? "src/telemetry/logger.ts" : ""].find((file) =>
        existsSync(file),
      );
      return contract === undefined || !(texts.get(contract) as string).trimStart().startsWith("/**");
    });
  report("Each room states its contract in a file of its own name.", offences);
});

test("the drawing in ARCHITECTURE.md names files that exist", () => {
  const drawing = readFileSync("ARCHITECTURE.md", "utf8").match(/```\nPOST [\s\S]*?```/)?.[0] ?? "";
  assert.notEqual(drawing, "", "ARCHITECTURE.md begins with the path of an invocation");
  const named = [...drawing.matchAll(/\b([a-z]+(?:\/[a-z-]+)*\/[a-z-]+\.ts)\b/g)].map((match) => match[1] as string);
  assert.ok(named.length >= 10, "the drawing names its files");
  report(
    "Every file in the drawing exists.",
    named.filter((file) => !existsSync(`src/${file}`)),
  );
});

test("every promise in SPECIFICATION.md names tests that exist", () => {
  const promises = readFileSync("SPECIFICATION.md", "utf8")
    .split("\n")
    .filter((line) => /^\d+\. /.test(line));
  assert.deepEqual(
    promises.map((line) => Number.parseInt(line, 10)),
    promises.map((_, index) => index + 1),
    "promises are numbered without gaps",
  );
  const offences = promises.flatMap((line) => {
    const tests = [...line.matchAll(/`((?:src|test|bench)\/[^`]+\.ts)`/g)].map((match) => match[1] as string);
    return tests.length === 0 ? [`no test: ${line}`] : tests.filter((file) => !existsSync(file));
  });
  report("Each promise names the test that defends it.", offences);
});

test("no hub files and no leftovers", () => {
  report(
    "No index.ts, utils.ts, helpers.ts or types.ts.",
    files.filter((file) => /\/(index|utils?|helpers?|types|common)\.ts$/.test(file)),
  );
  report(
    "No unfinished lines.",
    linesMatching(/\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|nocheck)|\bas any\b/, () => true),
  );
});
