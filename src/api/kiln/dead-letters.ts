/** Asynchronous calls that were given up: to be looked at, tried again, or thrown away. */
import type { Calls, DeadCall } from "../../invocation/invocation.ts";
import { PlatformError } from "../../model/error.ts";
import { parseId } from "../../model/id.ts";
import { limits } from "../../model/limits.ts";
import { functionIdOf } from "./activations.ts";
import { type Door, missing } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { noContent, operation } from "./openapi.ts";
import { pageRequest, renderPage } from "./paging.ts";
import { renderDeadLetter, renderPayload } from "./render.ts";
import {
  deadLetterAnswer,
  deadLetterInspection,
  deadLetterQuery,
  redriveAllAnswer,
  redriveAnswer,
  redriveQuery,
} from "./async-schemas.ts";
import { activationPath, listOf, namespacePath } from "./schemas.ts";

const list = "/v1/namespaces/:ns/dead-letters";
const one = `${list}/:id`;

/** Of a payload that is shown. */
const shownBytesMax = 1024 * 1024;

export function deadLetterRoutes(door: Door): void {
  readRoutes(door);
  changeRoutes(door);
}

function readRoutes({ scope, parts }: Door): void {
  scope.get(
    list,
    {
      schema: {
        ...operation(
          "listDeadLetters",
          "Dead letters",
          "Asynchronous calls that were given up, newest first",
          listOf(deadLetterAnswer),
        ),
        params: namespacePath,
        querystring: deadLetterQuery,
      },
    },
    async ({ params, query }) => {
      const functionId = await functionIdOf(parts, params.ns, query);
      return renderPage(await callsOf(parts).listDead(params.ns, functionId, pageRequest(query)), renderDeadLetter);
    },
  );

  scope.get(
    one,
    {
      schema: {
        ...operation("getDeadLetter", "Dead letters", "One dead letter, with what the call was sent", deadLetterInspection),
        params: activationPath,
      },
    },
    async ({ params }) => {
      const letter = await letterAt(parts, params.ns, params.id);
      const payload = await callsOf(parts).deadPayload(params.ns, letter.id);
      const shown = payload.subarray(0, shownBytesMax);
      return { ...renderDeadLetter(letter), request: renderPayload(shown, payload.length, letter.contentType) };
    },
  );
}

function changeRoutes({ scope, parts }: Door): void {
  scope.post(
    `${one}/redrive`,
    {
      schema: {
        ...operation("redriveDeadLetter", "Dead letters", "Accept the call anew, as a new activation", redriveAnswer),
        params: activationPath,
      },
    },
    async ({ params }, reply) => {
      const { id } = await letterAt(parts, params.ns, params.id);
      return reply.code(202).send({ activationId: await callsOf(parts).redrive(params.ns, id) });
    },
  );

  scope.post(
    `${list}/redrive`,
    {
      schema: {
        ...operation("redriveDeadLetters", "Dead letters", "Accept all calls of a function anew", redriveAllAnswer),
        params: namespacePath,
        querystring: redriveQuery,
      },
    },
    async ({ params, query }, reply) => {
      const functionId = (await functionIdOf(parts, params.ns, query)) as string;
      return reply.code(202).send({ redriven: await redriveAll(callsOf(parts), params.ns, functionId) });
    },
  );

  scope.delete(
    one,
    {
      schema: {
        ...operation("deleteDeadLetter", "Dead letters", "Throw a dead letter away", noContent),
        params: activationPath,
      },
    },
    async ({ params }, reply) => {
      const { id } = await letterAt(parts, params.ns, params.id);
      await callsOf(parts).removeDead(params.ns, id);
      return reply.code(204).send();
    },
  );
}

/** Those that are there now; what dies again meanwhile is newer than all of them. */
async function redriveAll(calls: Calls, ns: string, functionId: string): Promise<number> {
  let redriven = 0;
  let after: string | undefined;
  do {
    const page = await calls.listDead(ns, functionId, { after, limit: limits.listPage.max });
    await Promise.all(page.items.map(({ id }) => calls.redrive(ns, id)));
    redriven += page.items.length;
    after = page.next ?? undefined;
  } while (after !== undefined);
  return redriven;
}

async function letterAt(parts: KilnParts, ns: string, spelling: string): Promise<DeadCall> {
  const id = parseId(spelling);
  const found = id === undefined ? undefined : await callsOf(parts).findDead(ns, id);
  if (found === undefined) throw missing("dead_letter", spelling.slice(0, 60));
  return found;
}

function callsOf({ calls }: KilnParts): Calls {
  if (calls !== undefined) return calls;
  throw new PlatformError("unsupported", "Asynchronous calls need a queue, which this server does not have");
}
