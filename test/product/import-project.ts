/** A project that is brought in by `polykiln import lambda`, and what that tells. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { lambdaClient, pairOf } from "../lambda.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { pk, type PkEnded } from "./pk.ts";

const fixtures = join(import.meta.dirname, "../fixtures/lambda-import");

type Server = Pick<Platform, "url" | "auth">;

/** What the tests of a file share while they run. */
export interface ImportPlace {
  readonly platform: Platform;
  readonly client: LambdaClient;
  /** Folder for their projects. */
  readonly parent: string;
}

export function importPlace(): ImportPlace {
  const place = {} as { -readonly [Member in keyof ImportPlace]: ImportPlace[Member] };
  before(async () => {
    place.platform = await startPlatform();
    place.client = lambdaClient(place.platform, await pairOf(place.platform));
    place.parent = mkdtempSync(join(tmpdir(), "kiln-import-"));
  });
  after(async () => {
    place.client?.destroy();
    assert.equal(await place.platform?.stop(), 0);
    rmSync(place.parent, { recursive: true, force: true });
  });
  return place;
}

/** Runs the command in a folder. */
export async function importIn(cwd: string, { url, auth }: Server, flags: readonly string[]): Promise<PkEnded> {
  return await pk(["import", "lambda", ...flags], { cwd, env: { POLYKILN_URL: url, POLYKILN_AUTH: auth } });
}

/** A fixture in a folder of its own, and the command in it. */
export class Project {
  readonly folder: string;
  readonly #server: Server;
  readonly #flags: readonly string[];

  /** `flags`: of every import. */
  constructor(parent: string, fixture: string, server: Server, flags: readonly string[]) {
    this.folder = join(parent, fixture);
    this.#server = server;
    this.#flags = flags;
    cpSync(join(fixtures, fixture), this.folder, { recursive: true });
  }

  async run(...flags: string[]): Promise<PkEnded> {
    return await importIn(this.folder, this.#server, [...this.#flags, ...flags]);
  }

  async json(...flags: string[]): Promise<Told> {
    const { stdout, stderr } = await this.run("--json", ...flags);
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout) as Told;
  }

  /** `FILE:LINE`, of the first line with a text. */
  lineOf(file: string, text: string): string {
    const lines = readFileSync(join(this.folder, file), "utf8").split("\n");
    return `${file}:${lines.findIndex((line) => line.includes(text)) + 1}`;
  }

  edit(file: string, from: string | RegExp, to: string): void {
    const text = readFileSync(join(this.folder, file), "utf8");
    assert.notEqual(text, text.replace(from, to), `${file} has no ${from}`);
    writeFileSync(join(this.folder, file), text.replace(from, to));
  }
}

export interface Told {
  readonly changed: boolean;
  readonly held: readonly string[];
  readonly changes: readonly {
    readonly verb: string;
    readonly noun: string;
    readonly name: string;
    readonly fields: readonly string[];
  }[];
  readonly leftovers: readonly { readonly noun: string; readonly name: string }[];
  readonly remarks: readonly {
    readonly level: string;
    readonly place: string;
    readonly of: string | null;
    readonly what: string;
  }[];
}

/** What is done, `verb noun name (fields)`, but for what stays. */
export const done = ({ changes }: Told) =>
  changes
    .filter(({ verb }) => verb !== "keep")
    .map(
      ({ verb, noun, name, fields }) =>
        `${verb} ${noun} ${name}${fields.length > 0 && verb === "update" ? ` (${fields.join(", ")})` : ""}`,
    );

/** What is missing, `FILE:LINE function: what`. */
export const missing = ({ remarks }: Told) =>
  remarks.filter(({ level }) => level === "missing").map(({ place, of, what }) => `${place.replace(/:\d+$/, "")} ${of}: ${what}`);
