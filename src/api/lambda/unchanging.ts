/** What tools ask of every function, or of an account, by habit, and what has one answer here. */
import { invalidParameter, status } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { textIn } from "./fields.ts";
import { arnIn, functionNamed } from "./found.ts";
import { shownName } from "./names.ts";
import { jsonReply, type Reply } from "./reply.ts";

/** Nobody signs code. */
export async function getCodeSigning(exchange: Exchange): Promise<Reply> {
  const { fn, app } = await functionNamed(exchange);
  return jsonReply(status.ok, { FunctionName: shownName(app?.name ?? null, fn.name), CodeSigningConfigArn: "" });
}

/** A runtime is what the server has. */
export async function getRuntimeManagement(exchange: Exchange): Promise<Reply> {
  await functionNamed(exchange);
  return jsonReply(status.ok, { FunctionArn: arnIn(exchange.context.identity, exchange.function), ...runtimeUpdates });
}

export async function putRuntimeManagement(exchange: Exchange): Promise<Reply> {
  const wanted = textIn(exchange.body, "UpdateRuntimeOn");
  if (wanted !== runtimeUpdates.UpdateRuntimeOn)
    throw invalidParameter(
      `UpdateRuntimeOn ${wanted?.slice(0, 60)} is not supported by this server, whose runtimes are its own: Auto is`,
    );
  return await getRuntimeManagement(exchange);
}

const runtimeUpdates = { UpdateRuntimeOn: "Auto" } as const;

/** Functions that call each other by destinations are ended after some calls. */
export async function getRecursion(exchange: Exchange): Promise<Reply> {
  await functionNamed(exchange);
  return jsonReply(status.ok, recursion);
}

export async function putRecursion(exchange: Exchange): Promise<Reply> {
  const wanted = textIn(exchange.body, "RecursiveLoop");
  if (wanted !== recursion.RecursiveLoop)
    throw invalidParameter(`RecursiveLoop ${wanted?.slice(0, 60)} is not supported by this server: Terminate is`);
  return await getRecursion(exchange);
}

const recursion = { RecursiveLoop: "Terminate" } as const;

export const listMappings = listOf("EventSourceMappings");
export const listCodeSignings = listOf("CodeSigningConfigs");
export const listCapacityProviders = listOf("CapacityProviders");

/** Of what there is none of. */
function listOf(member: string): () => Promise<Reply> {
  return async () => jsonReply(status.ok, { [member]: [] });
}
