/**
 * A client of the Docker Engine, of the few calls that running functions takes. Versions 1.41 (Docker 20.10) and up; of a newer engine the
 * newest version that this client knows. Source: docs.docker.com/reference/api/engine.
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { PlatformError } from "../../model/error.ts";
import type { World } from "../../lib/world.ts";
import { addressText, type EngineAddress, socketFix } from "./address.ts";
import { EngineConnection, type Question } from "./connection.ts";
import { EngineError, refusal } from "./engine-error.ts";
import { jsonLines } from "./json-lines.ts";

const versionMin = "1.41";
const versionMax = "1.47";
const pingMsMax = 5000;
/** For what is asked before every start of a function: who waits for it should hear soon that the engine hangs. */
const lookMsMax = 10_000;
/** Some engines copy the whole image for each container. */
const createMsMax = 180_000;

/** A container to be made, as the engine's API has it (`POST /containers/create`). */
export type ContainerConfig = Readonly<Record<string, unknown>>;

/** What is known of a container. */
export interface ContainerState {
  readonly Id: string;
  readonly State: {
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly OOMKilled: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
  };
  readonly Mounts: readonly { readonly Source: string; readonly Destination: string }[];
}

/** A container in a list. */
export interface ContainerSummary {
  readonly Id: string;
  readonly State: string;
  readonly ImageID: string;
  readonly Labels: Readonly<Record<string, string>>;
}

/** What is known of an image. */
export interface ImageState {
  readonly Id: string;
  readonly Size: number;
  readonly Config: {
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly Env?: readonly string[] | null;
    readonly Volumes?: Readonly<Record<string, object>> | null;
    readonly User?: string | null;
    readonly WorkingDir?: string | null;
  } | null;
}

/** A file of a container, or what is there in its place. */
export interface ContainerArchive {
  readonly tar: Buffer;
  /** Where it leads, through all links; empty: it is none. */
  readonly linkTarget: string;
}

/** Something that happened to a container. */
export interface EngineEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

/** What `/info` tells that we ask for. */
export interface EngineInfo {
  readonly DockerRootDir: string;
  /** Of the program that collects dead processes in a container; `N/A`: there is none. */
  readonly InitCommit?: { readonly ID?: string };
}

/** A line of a pull's progress. */
export interface PullLine {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
}

/** One engine. Every method rejects with an `EngineError` where it is away or refuses. */
export class DockerEngine {
  readonly #connection: EngineConnection;
  /** Asked again once the engine was away: another one may have come back. */
  #version: Promise<string> | null = null;

  constructor(address: EngineAddress, world: World) {
    this.#connection = new EngineConnection(address, world);
  }

  get address(): EngineAddress {
    return this.#connection.address;
  }

  /** The version of its API that is spoken. Rejects with `unsupported` where it is too old. */
  async ping(): Promise<string> {
    const question = { method: "GET", path: "/_ping", purpose: "answer", timeoutMs: pingMsMax } as const;
    const { status, headers, text } = await this.#connection.ask(question);
    if (status === 400 && text.includes("HTTPS server"))
      throw new EngineError("answer", null, `${addressText(this.address)} wants TLS, which is not spoken. ${socketFix}`);
    if (status !== 200) throw refusal("answer", status, text);
    return negotiated(String(headers["api-version"] ?? "0.0"));
  }

  info(): Promise<EngineInfo> {
    return this.#json({ method: "GET", path: "/info", purpose: "describe itself" });
  }

  /** Resolves to its id. */
  async create(name: string, config: ContainerConfig): Promise<string> {
    const path = `/containers/create${query({ name })}`;
    const made = await this.#json<{ Id: string }>({
      method: "POST",
      path,
      body: config,
      purpose: "make a container",
      timeoutMs: createMsMax,
    });
    return made.Id;
  }

  start(id: string): Promise<void> {
    return this.#order(id, "start", "start a container");
  }

  pause(id: string): Promise<void> {
    return this.#order(id, "pause", "pause a container");
  }

  unpause(id: string): Promise<void> {
    return this.#order(id, "unpause", "unpause a container");
  }

  kill(id: string): Promise<void> {
    return this.#order(id, "kill", "kill a container");
  }

  /** The exit status, once it does not run; at once where it does not. */
  async wait(id: string): Promise<number> {
    const path = `/containers/${id}/wait?condition=not-running`;
    const question = { method: "POST", path, purpose: "wait for a container", timeoutMs: null } as const;
    return (await this.#json<{ StatusCode: number }>(question)).StatusCode;
  }

  /** Kills it if it runs, and removes it with its anonymous volumes. One that is not there is removed already. */
  async remove(id: string): Promise<void> {
    const path = `/containers/${id}?force=1&v=1`;
    await this.#done({ method: "DELETE", path, purpose: "remove a container" }, [204, 404]);
  }

  inspect(id: string): Promise<ContainerState> {
    return this.#json({ method: "GET", path: `/containers/${id}/json`, purpose: "describe a container" });
  }

  /** What is at a path inside, running or not. Null: nothing, or more than so many bytes. */
  async archive(id: string, path: string, bytesMax: number): Promise<ContainerArchive | null> {
    const purpose = "read a file of a container";
    const asked = { method: "GET", path: `/containers/${id}/archive${query({ path })}`, purpose } as const;
    const answer = await this.#connection.stream({ ...asked, path: await this.#versioned(asked.path) });
    if (answer.statusCode !== 200) {
      const error = await refusalIn(answer, purpose);
      if (error.status === 404) return null;
      throw error;
    }
    const tar = await bytesIn(answer, bytesMax);
    return tar === null ? null : { tar, linkTarget: linkTargetIn(String(answer.headers["x-docker-container-path-stat"] ?? "")) };
  }

  /** All with this label, `name` or `name=value`, running or not. */
  list(label: string): Promise<readonly ContainerSummary[]> {
    const path = `/containers/json${query({ all: "1", filters: JSON.stringify({ label: [label] }) })}`;
    return this.#json({ method: "GET", path, purpose: "list containers" });
  }

  /** What it prints from now on, in the engine's frames (`output.ts`); with `stdin`, what is written is its STDIN. */
  async attach(id: string, stdin: boolean): Promise<Socket> {
    const purpose = "attach to a container";
    const options = { stream: "1", stdout: "1", stderr: "1", ...(stdin ? { stdin: "1" } : {}) };
    const path = await this.#versioned(`/containers/${id}/attach${query(options)}`);
    return await this.#connection.upgrade({ method: "POST", path, purpose }, async (answer) => await refusalIn(answer, purpose));
  }

  /** What happens to containers with this label, until the signal; ends by a rejection when the engine goes away. */
  async *events(label: string, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    const path = `/events${query({ filters: JSON.stringify({ type: ["container"], label: [label] }) })}`;
    const purpose = "tell of containers";
    // The head comes with the first event.
    const answer = await this.#stream({ method: "GET", path, purpose, signal, timeoutMs: null });
    yield* jsonLines<EngineEvent>(answer, purpose);
  }

  /** The folder of a volume, as the engine sees it. */
  async volume(name: string): Promise<string> {
    const path = `/volumes/${encodeURIComponent(name)}`;
    return (await this.#json<{ Mountpoint: string }>({ method: "GET", path, purpose: "describe a volume" })).Mountpoint;
  }

  image(reference: string): Promise<ImageState> {
    return this.#json({ method: "GET", path: `/images/${reference}/json`, purpose: "describe an image", timeoutMs: lookMsMax });
  }

  /** Rejects where a container uses it. */
  async removeImage(reference: string): Promise<void> {
    await this.#done({ method: "DELETE", path: `/images/${reference}`, purpose: "remove an image" }, [200, 404]);
  }

  /** Fetches an image, with what the registry wants to know of who asks; ends when it is there. A failure on the way is a line with `error`. */
  async *pull(reference: string, credentials: string, signal: AbortSignal): AsyncGenerator<PullLine> {
    const { name, tag } = splitReference(reference);
    const path = `/images/create${query({ fromImage: name, tag })}`;
    const headers: Record<string, string> = credentials === "" ? {} : { "X-Registry-Auth": credentials };
    const purpose = "pull an image";
    const answer = await this.#stream({ method: "POST", path, headers, purpose, signal, timeoutMs: null });
    yield* jsonLines<PullLine>(answer, purpose);
  }

  /** Makes an image of a tar of a root file system. `changes`: lines as in a Dockerfile. */
  async import(tar: Readable, reference: string, changes: readonly string[]): Promise<void> {
    const { name, tag } = splitReference(reference);
    const options = new URLSearchParams({ fromSrc: "-", repo: name, tag });
    for (const change of changes) options.append("changes", change);
    const headers = { "Content-Type": "application/x-tar" };
    const path = `/images/create?${options}`;
    const question = { method: "POST", path, headers, body: tar, purpose: "import an image", timeoutMs: null } as const;
    const { text } = await this.#done(question, [200]);
    const failed = text.split("\n").find((line) => line.includes('"error"'));
    if (failed !== undefined) throw refusal("import an image", 500, failed);
  }

  async #order(id: string, action: string, purpose: string): Promise<void> {
    // 304: it is so already.
    await this.#done({ method: "POST", path: `/containers/${id}/${action}`, purpose }, [204, 304]);
  }

  async #json<T>(question: Question): Promise<T> {
    const { text } = await this.#done(question, [200, 201]);
    return JSON.parse(text) as T;
  }

  async #done(question: Question, statuses: readonly number[]): Promise<{ readonly text: string }> {
    const { status, text } = await this.#connection.ask({ ...question, path: await this.#versioned(question.path) });
    if (!statuses.includes(status)) throw refusal(question.purpose, status, text);
    return { text };
  }

  async #stream(question: Question): Promise<IncomingMessage> {
    const answer = await this.#connection.stream({ ...question, path: await this.#versioned(question.path) });
    if (answer.statusCode !== 200) throw await refusalIn(answer, question.purpose);
    return answer;
  }

  async #versioned(path: string): Promise<string> {
    this.#version ??= this.ping();
    const version = this.#version;
    try {
      return `/v${await version}${path}`;
    } catch (error) {
      if (this.#version === version) this.#version = null;
      throw error;
    }
  }
}

async function refusalIn(answer: IncomingMessage, purpose: string): Promise<EngineError> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return refusal(purpose, answer.statusCode ?? 0, Buffer.concat(chunks).toString());
}

/** Null: they are more, and the rest is not read. */
async function bytesIn(answer: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop destroys the answer.
    if (bytes > bytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Of the header with which the engine says what is there: JSON in base64. */
function linkTargetIn(stat: string): string {
  if (stat === "") return "";
  const { linkTarget } = JSON.parse(Buffer.from(stat, "base64").toString()) as { linkTarget?: string };
  return linkTarget ?? "";
}

function negotiated(offered: string): string {
  if (compareVersions(offered, versionMin) < 0) {
    throw new PlatformError(
      "unsupported",
      `This Docker speaks version ${offered} of its API; ${versionMin} is needed (Docker 20.10)`,
    );
  }
  return compareVersions(offered, versionMax) < 0 ? offered : versionMax;
}

function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}

/** A digest goes where a tag goes; without either it is `latest`, as everywhere. */
function splitReference(reference: string): { readonly name: string; readonly tag: string } {
  const at = reference.indexOf("@");
  if (at !== -1) return { name: reference.slice(0, at), tag: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(":");
  if (colon > reference.lastIndexOf("/")) return { name: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  return { name: reference, tag: "latest" };
}

function query(values: Readonly<Record<string, string>>): string {
  return `?${new URLSearchParams(values)}`;
}
