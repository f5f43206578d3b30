/**
 * Runs the dialogues of test/fixtures/fn: each file is a conversation with a fresh server. Its README says how to write one.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { memoryFnContext } from "../../../test/fn-context.ts";
import type { Answer } from "../../../test/http-harness.ts";
import { ask } from "../../../test/http-harness.ts";
import type { MemoryAnswer, MemoryCall } from "../../../test/memory-invoker.ts";
import type { Handler } from "../../http/http.ts";
import { realWorld } from "../../lib/world.ts";
import type { ErrorCode } from "../../model/error.ts";
import { PlatformError } from "../../model/error.ts";
import { memoryStore } from "../../store/memory/store.ts";
import { fnInvoke, fnManagement, fnRoute, fnTrigger } from "./fn.ts";

const folder = "test/fixtures/fn";
const firstMs = Date.parse("2026-11-20T21:53:39.711Z");

for (const file of globSync(`${folder}/*.txt`).toSorted()) {
  test(`dialogue ${basename(file, ".txt")}`, () => play(readFileSync(file, "utf8")));
}

async function play(dialogue: string): Promise<void> {
  const server = await startServer();
  for (const [index, line] of dialogue.split("\n").entries()) {
    if (line === "" || line.startsWith("# ")) continue;
    try {
      await playLine(server, line);
    } catch (error) {
      if (error instanceof Error) error.message = `line ${index + 1}: ${line.slice(0, 200)}\n${error.message}`;
      throw error;
    }
  }
}

interface Server {
  readonly ids: string[];
  now: number;
  headers: string[];
  answer: Answer | undefined;
  handle: Handler;
}

async function startServer(): Promise<Server> {
  const store = memoryStore();
  const server: Server = { ids: [], now: firstMs, headers: [], answer: undefined, handle: () => {} };
  const world = { ...realWorld(), now: () => server.now, newId: () => newId(server.ids) };
  await store.namespaces.create({ id: "namespace", name: "guest", createdAt: firstMs });
  const context = {
    ...memoryFnContext(store, world, run),
    cors: { origins: ["https://app.test"], headers: [] },
    baseUrl: () => "http://fn.test/",
    changed: () => {},
  };
  const management = fnManagement(context);
  const doors = { "/invoke/": fnInvoke(context), "/t/": fnTrigger(context), "/r/": fnRoute(context) };
  server.handle = (request, response) => {
    const door = Object.entries(doors).find(([prefix]) => request.path.startsWith(prefix));
    (door?.[1] ?? management)(request, response);
  };
  return server;
}

function newId(ids: string[]): string {
  ids.push(`01K${String(ids.length + 1).padStart(23, "0")}`);
  return ids.at(-1) as string;
}

/** What an image does when it is called: `fail/<code>` fails with that error, any other shows the call. */
function run({ request, fn, body }: MemoryCall): MemoryAnswer {
  const image = fn.source.type === "image" ? fn.source.image : "";
  const code = /^fail\/(\w+)/.exec(image)?.[1];
  if (code !== undefined) throw new PlatformError(code as ErrorCode, "the cause", { details: detailsOf(image) });
  const via = request.http === null ? "" : ` via ${request.http.method} ${request.http.url} ${request.http.target}`;
  const answered = request.headers.flatMap((text, at) =>
    at % 2 === 0 && /^answer-/i.test(text) ? [text.slice(7), request.headers[at + 1] as string] : [],
  );
  return {
    status: image === "teapot" ? 418 : 200,
    headers: answered,
    body: `${fn.name} got ${body}${via}`,
    printed: printedOf(body),
  };
}

/** `print x|y` prints two lines. */
function printedOf(body: string): readonly string[] {
  return body.startsWith("print ") ? body.slice("print ".length).split("|") : [];
}

function detailsOf(image: string): Record<string, string | number | boolean> {
  const detail = image.split(":")[1];
  if (detail === undefined) return {};
  if (detail === "starting") return { starting: true };
  return /^\d+$/.test(detail) ? { status: Number(detail) } : { limit: detail, part: detail };
}

async function playLine(server: Server, line: string): Promise<void> {
  const [word = "", ...rest] = line.split(" ");
  const text = rest.join(" ");
  if (word === "at") server.now = firstMs + Number(text) * 1000;
  else if (word === ">") server.headers.push(...headerOf(text));
  else if (word === "<")
    assert.equal(server.answer?.header(headerOf(text)[0].toLowerCase()) ?? "", fill(server, headerOf(text)[1]));
  else if (/^\d+$/.test(word)) checkAnswer(server, Number(word), fill(server, text));
  else await send(server, word, rest);
}

async function send(server: Server, method: string, [target = "", ...body]: string[]): Promise<void> {
  const options = { method, target: fill(server, target), headers: server.headers, body: fill(server, body.join(" ")) };
  server.headers = [];
  server.answer = await ask(server.handle, options);
}

function checkAnswer(server: Server, status: number, text: string): void {
  const answer = server.answer as Answer;
  const expected = text === "" ? "" : text.startsWith("= ") ? text.slice(2) : `${bodyOf(text)}${status >= 400 ? "\n" : ""}`;
  assert.equal(`${answer.status} ${answer.body}`, `${status} ${expected}`);
  if (!text.startsWith("= ") && text !== "") assert.equal(answer.header("content-type"), "application/json; charset=utf-8");
}

function bodyOf(text: string): string {
  return text.startsWith("{") ? text : JSON.stringify({ message: text });
}

/** Ids, times and repetitions. */
function fill(server: Server, text: string): string {
  return text
    .replace(/#(\d+)/g, (_, index: string) => server.ids[Number(index) - 1] ?? `no id ${index}`)
    .replace(/@(\d+)/g, (_, seconds: string) => new Date(firstMs + Number(seconds) * 1000).toISOString())
    .replace(/~(\d+)/g, (_, index: string) => Buffer.from(server.ids[Number(index) - 1] ?? "").toString("base64url"))
    .replaceAll("<lf>", "\n")
    .replace(/<(.)\*(\d+)>/gu, (_, character: string, count: string) => character.repeat(Number(count)));
}

function headerOf(text: string): [name: string, value: string] {
  const colon = text.indexOf(":");
  return [text.slice(0, colon), text.slice(colon + 1).trim()];
}
