import type { FastifyReply } from "fastify";
import type { Static } from "typebox";
import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import type { App, Fn } from "../../model/model.ts";
import { createdOr200 } from "./apps.ts";
import { checkName, checkProvisioned, invalid } from "./check.ts";
import { type Installed, installFor, withDependencies } from "./dependencies.ts";
import { appAt, type Door, functionAt } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { noContent, operation } from "./openapi.ts";
import { pageRequest, renderPage } from "./paging.ts";
import { renderFunction } from "./render.ts";
import {
  appPath,
  conditions,
  functionAnswer,
  functionBody,
  functionPath,
  listOf,
  pageQuery,
  sandboxesAnswer,
} from "./schemas.ts";
import { checkSettings, merged, newFunction, type Settings } from "./settings.ts";
import { calledRevisions } from "./revisions.ts";
import { checkConditions, type Conditions, type Upserted, upsert } from "./upsert.ts";

const list = "/v1/namespaces/:ns/apps/:app/functions";
const one = `${list}/:fn`;

/** Of a JSON body: parameters, config, and code that is small enough to be written in base64. */
const bodyBytesMax = 8 * 1024 * 1024;

export function functionRoutes({ scope, parts }: Door): void {
  const { store } = parts;

  scope.get(
    list,
    {
      schema: {
        ...operation("listFunctions", "Functions", "The functions of an app, by name", listOf(functionAnswer)),
        params: appPath,
        querystring: pageQuery,
      },
    },
    async ({ params, query }) => {
      const app = await appAt(parts, params.ns, params.app);
      const page = await store.functions.list(params.ns, app?.id ?? null, pageRequest(query));
      return renderPage(page, (fn) => renderFunction(fn, app?.name ?? null));
    },
  );

  scope.get(
    one,
    { schema: { ...operation("getFunction", "Functions", "One function", functionAnswer), params: functionPath } },
    async ({ params }, reply) => {
      const { app, fn } = await functionAt(parts, params.ns, params.app, params.fn);
      return showFunction(reply, fn, app);
    },
  );

  scope.put(
    one,
    {
      bodyLimit: bodyBytesMax,
      schema: {
        ...operation(
          "putFunction",
          "Functions",
          "Create a function or change it; what is left out stays as it is",
          functionAnswer,
        ),
        description:
          'In one step, with the code inside: curl -X PUT -H \'Content-Type: application/json\' -d \'{"kind":"nodejs:24","fileName":"hello.mjs","code":"<base64>"}\'. ' +
          "Larger code goes to .../code. Packages that it names and does not bring are installed before the answer, which takes a while at first. A change makes a new revision, which new calls get at once; no change makes none.",
        params: functionPath,
        headers: conditions,
        body: functionBody,
      },
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    async ({ params, body, headers }, reply) => {
      const { code, fileName, codeDigest, ...settings } = body;
      checkSettings(settings, code !== undefined || codeDigest !== undefined, parts.images.kinds);
      const app = await appAt(parts, params.ns, params.app);
      const digest = await digestOf(parts, params.ns, { code, fileName, codeDigest });
      const put = { ns: params.ns, app, name: params.fn, settings, digest };
      const upserted = await putFunction(parts, put, headers, whileWaiting(reply));
      return showFunction(reply.code(createdOr200(upserted)), upserted.item, app);
    },
  );

  scope.post(
    `${one}/prepare`,
    {
      schema: {
        ...operation("prepareFunction", "Functions", "Make a sandbox ready ahead of the next call, if there is room", noContent),
        params: functionPath,
      },
    },
    async ({ params }, reply) => {
      const { app, fn } = await functionAt(parts, params.ns, params.app, params.fn);
      parts.prepare?.(fn, app);
      return reply.code(204).send();
    },
  );

  scope.get(
    `${one}/sandboxes`,
    {
      schema: {
        ...operation("getSandboxes", "Functions", "What a function's sandboxes do now", sandboxesAnswer),
        description: "After a change, those that are kept ready are there when `provisioned.ready` is `provisioned.wanted`.",
        params: functionPath,
      },
    },
    async ({ params }) => {
      const { fn } = await functionAt(parts, params.ns, params.app, params.fn);
      const counts = parts.sandboxes?.(fn.id) ?? { starting: 0, busy: 0, idle: 0, frozen: 0 };
      return { ...counts, provisioned: parts.provisioned?.(fn) ?? { wanted: fn.provisioned, ready: 0 } };
    },
  );

  scope.delete(
    one,
    {
      schema: {
        ...operation("deleteFunction", "Functions", "Delete a function with its routes", noContent),
        params: functionPath,
        headers: conditions,
      },
    },
    async ({ params, headers }, reply) => {
      const { fn } = await functionAt(parts, params.ns, params.app, params.fn);
      checkConditions(fn.revision, headers);
      await store.functions.remove(params.ns, fn.id);
      parts.changed({ namespace: params.ns, functionId: fn.id, revisions: [] });
      return reply.code(204).send();
    },
  );
}

export interface FunctionPut {
  readonly ns: string;
  readonly app: App | null;
  readonly name: string;
  readonly settings: Settings;
  /** New code, which is stored already; null: no new code. */
  readonly digest: string | null;
}

/** Creates or changes a function whose code is safe already; its packages are installed first, as long as `signal` lets it. */
export async function putFunction(
  parts: KilnParts,
  put: FunctionPut,
  when: Conditions,
  signal: AbortSignal,
): Promise<Upserted<Fn>> {
  const { store, world, images } = parts;
  const { ns, app, name, settings, digest } = put;
  const installed = await installedFor(parts, put, when, signal);
  const fieldsOf = (stored: Fn | null) => {
    const fields = merged(stored, settings, digest, images.kinds);
    return { ...fields, source: withDependencies(fields.source, stored?.source ?? null, installed) };
  };
  const checked = (fn: Fn): Fn => {
    checkProvisioned(fn);
    const refusal = parts.provisionRefusal?.(fn) ?? null;
    if (refusal !== null) throw refusal;
    return fn;
  };
  const upserted = await upsert<Fn>(
    {
      repository: store.functions,
      read: () => store.functions.getByName(ns, app?.id ?? null, name),
      make() {
        checkName("function", name);
        const base = { id: world.newId(), namespace: ns, app, name, now: world.now() };
        return checked(newFunction(base, fieldsOf(null)));
      },
      merge(stored) {
        const { logBytesMax: _before, ...kept } = stored;
        return checked({ ...kept, ...fieldsOf(stored) });
      },
      now: () => world.now(),
    },
    when,
  );
  const { id } = upserted.item;
  if (upserted.outcome !== "unchanged")
    parts.changed({ namespace: ns, functionId: id, revisions: calledRevisions(upserted.item) });
  parts.expect?.(upserted.item, app);
  return upserted;
}

/** What can be refused without it is refused before, because it takes long. */
async function installedFor(
  parts: KilnParts,
  put: FunctionPut,
  when: Conditions,
  signal: AbortSignal,
): Promise<Installed | null> {
  const { ns, app, name, settings, digest } = put;
  if (parts.install === undefined) return null;
  const stored = (await parts.store.functions.getByName(ns, app?.id ?? null, name)) ?? null;
  checkConditions(stored?.revision, when);
  if (stored === null) checkName("function", name);
  const fields = merged(stored, settings, digest, parts.images.kinds);
  return await installFor(parts, { source: fields.source, stored, namespace: ns, isDeploy: digest !== null }, signal);
}

/** Aborted when the caller goes away before the answer. */
export function whileWaiting(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort(new PlatformError("cancelled", "The client closed the connection"));
  });
  return gone.signal;
}

export function showFunction(reply: FastifyReply, fn: Fn, app: App | null): Static<typeof functionAnswer> {
  reply.header("ETag", `"${fn.revision}"`);
  return renderFunction(fn, app?.name ?? null);
}

type CodeGiven = Pick<Static<typeof functionBody>, "code" | "fileName" | "codeDigest">;

/** Code is whole and stored before the definition that names it. */
async function digestOf(parts: KilnParts, ns: string, { code, fileName, codeDigest }: CodeGiven): Promise<string | null> {
  if (code !== undefined && codeDigest !== undefined) throw invalid("codeDigest", "codeDigest can't be given together with code");
  if (fileName !== undefined && code === undefined)
    throw invalid("fileName", "fileName is the name of the file in code, which is missing");
  if (code !== undefined) {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(code)) throw invalid("code", "code is not base64");
    return (await parts.images.addCode({ bytes: Buffer.from(code, "base64"), fileName: fileName ?? null })).digest;
  }
  if (codeDigest === undefined) return null;
  // Whoever knows a digest could otherwise run, and so read, the code of another namespace.
  if ((await isUsedIn(parts, ns, codeDigest)) && (await parts.images.findCode(codeDigest)) !== null) return codeDigest;
  throw invalid("codeDigest", `codeDigest is ${codeDigest}, must be the digest of the code of a function of namespace ${ns}`);
}

async function isUsedIn(parts: KilnParts, ns: string, digest: string): Promise<boolean> {
  if (await isUsedInApp(parts, ns, null, digest)) return true;
  let after: string | undefined;
  do {
    const page = await parts.store.apps.list(ns, { after, limit: limits.listPage.max });
    for (const app of page.items) if (await isUsedInApp(parts, ns, app.id, digest)) return true;
    after = page.next ?? undefined;
  } while (after !== undefined);
  return false;
}

async function isUsedInApp({ store }: KilnParts, ns: string, appId: string | null, digest: string): Promise<boolean> {
  let after: string | undefined;
  do {
    const page = await store.functions.list(ns, appId, { after, limit: limits.listPage.max });
    if (page.items.some(({ source }) => source.type !== "sequence" && source.digest === digest)) return true;
    after = page.next ?? undefined;
  } while (after !== undefined);
  return false;
}
