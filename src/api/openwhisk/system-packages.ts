/** The packages of `/whisk.system`: actions as any, whose code comes with the platform (`system/`) and which nobody can change. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { codeDigest } from "../../image/code/digest.ts";
import type { Images } from "../../image/image.ts";
import { kinds } from "../../image/kinds.ts";
import { deliveryDefaults, fnDefaults } from "../../model/fn-defaults.ts";
import { readId } from "../../model/id-bytes.ts";
import type { App, Fn } from "../../model/model.ts";
import { memoryStore } from "../../store/memory/store.ts";
import type { Store } from "../../store/store.ts";
import { actionLimits } from "./limits.ts";

/** Where they are. */
export const systemNamespace = "whisk.system";

interface GivenPackage {
  readonly description: string;
  readonly egress: Fn["egress"];
  readonly actions: Readonly<Record<string, GivenAction>>;
}

interface GivenAction {
  readonly description: string;
  /** Its name where it is not the action's. */
  readonly file?: string;
  /** What of it is called. (Default: main) */
  readonly main?: string;
  readonly feed?: true;
  /** It is given a key of whoever calls it. */
  readonly key?: true;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** That has `packages.json` and a folder for each package. */
const folder = join(import.meta.dirname, "..", "..", "..", "system");

/** What was read of them. */
export interface SystemPackages {
  /** It has the namespace and nothing else. */
  readonly store: Store;
  /** Puts the actions' code where all code is. */
  addCode(images: Pick<Images, "addCode">): Promise<void>;
}

/** `now`: when all of it is said to have been made. */
export async function readSystemPackages(now: number): Promise<SystemPackages> {
  const store = memoryStore({ activationsMax: 0 });
  await store.namespaces.create({ id: idOf("", ""), name: systemNamespace, createdAt: now });
  const code = new Map<string, Buffer>();
  for (const [name, given] of Object.entries(await packages())) {
    const app = await store.apps.create(appOf(name, given, now));
    for (const [action, about] of Object.entries(given.actions)) {
      const bytes = await readFile(join(folder, name, `${about.file ?? action}.js`));
      const digest = codeDigest(bytes, fileName);
      code.set(digest, bytes);
      await store.functions.create(functionOf(app, given, action, about, digest));
    }
  }
  return {
    store,
    async addCode(images) {
      await Promise.all([...code.values()].map((bytes) => images.addCode({ bytes, fileName })));
    },
  };
}

async function packages(): Promise<Readonly<Record<string, GivenPackage>>> {
  return JSON.parse(await readFile(join(folder, "packages.json"), "utf8")) as Readonly<Record<string, GivenPackage>>;
}

const fileName = "index.js";

function appOf(name: string, { description }: GivenPackage, now: number): App {
  return {
    id: idOf(name, ""),
    namespace: systemNamespace,
    name,
    config: {},
    annotations: { description: JSON.stringify(description) },
    syslogUrl: null,
    shape: "",
    published: true,
    revision: 1,
    createdAt: now,
    updatedAt: now,
  };
}

function functionOf(
  app: App,
  { egress }: GivenPackage,
  name: string,
  { description, main, feed, key, parameters = {} }: GivenAction,
  digest: string,
): Fn {
  const kind = kinds.resolve("nodejs:default");
  return {
    ...fnDefaults,
    id: idOf(app.name, name),
    namespace: systemNamespace,
    appId: app.id,
    name,
    source: { type: "code", kind, digest, handler: main ?? null, command: null, convention: "parameters" },
    protocol: "frames",
    memoryMiB: actionLimits.memoryMiB.default,
    timeoutMs: actionLimits.timeoutMs.default,
    egress,
    parameters,
    delivery: { ...deliveryDefaults, attemptsMax: 1 },
    annotations: {
      description: JSON.stringify(description),
      "provide-api-key": JSON.stringify(key === true),
      ...(feed === true && { feed: "true" }),
    },
    shape: "",
    revision: 1,
    createdAt: app.createdAt,
    updatedAt: app.updatedAt,
  };
}

/** The same at every start, so that records go on naming it. */
function idOf(pkg: string, action: string): string {
  return readId(createHash("sha256").update(`${systemNamespace}/${pkg}/${action}`).digest(), 0);
}
