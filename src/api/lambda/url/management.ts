/** Function URLs: made, read, listed, changed and removed. */
import type { FnNotes } from "../../../model/fn-notes.ts";
import type { CorsRules, FnUrl } from "../../../model/fn-url.ts";
import { conflict, notFound, Refusal, status, violates } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import { arnIn, type FoundFunction, functionNamed } from "../found.ts";
import { slice } from "../pages.ts";
import { jsonReply, nothingReply, type Reply } from "../reply.ts";
import { shownUrl } from "./address.ts";
import { aliasIn, corsIn, signedIn, streamsIn } from "./given.ts";

const pageMax = 50;
const noFunction = () => notFound("Function does not exist");
const noUrl = () => notFound("The resource you requested does not exist.");

export async function createUrl(exchange: Exchange): Promise<Reply> {
  const { context, body } = exchange;
  const alias = aliasIn(exchange.function.qualifier);
  const signed = signedIn(body);
  if (signed === undefined) throw violates("null", "authType", "Member must not be null");
  const now = context.world.now();
  const url: FnUrl = {
    id: newId(exchange),
    alias,
    signed,
    streams: streamsIn(body) ?? null,
    cors: corsIn(body) ?? null,
    createdAt: now,
    updatedAt: now,
  };
  const { fn } = await found(exchange, noFunction);
  await context.notes.change(fn, (notes) => {
    if (alias !== null && !notes.aliases.some(({ name }) => name === alias)) throw noFunction();
    if (urlOf(notes, alias) !== undefined) throw exists(exchange);
    return { ...notes, urls: [...(notes.urls ?? []), url] };
  });
  return jsonReply(status.created, made(exchange, url));
}

/** 32 letters and digits that nobody can guess. */
function newId({ context }: Exchange): string {
  const sealed = Buffer.from(context.seal(`url ${context.world.newId()}`), "base64url");
  return [...sealed].map((byte) => (byte % 36).toString(36)).join("");
}

function exists(exchange: Exchange): Refusal {
  return conflict(
    `Failed to create function url config for [functionArn = ${arn(exchange, aliasIn(exchange.function.qualifier))}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
  );
}

export async function getUrl(exchange: Exchange): Promise<Reply> {
  const alias = aliasIn(exchange.function.qualifier);
  const { fn } = await found(exchange, noUrl);
  const url = urlOf(await exchange.context.notes.of(fn), alias);
  if (url === undefined) throw noUrl();
  return jsonReply(status.ok, shown(exchange, url));
}

export async function listUrls(exchange: Exchange): Promise<Reply> {
  const { query } = exchange;
  const { fn } = await found(exchange, noFunction);
  const { urls = [] } = await exchange.context.notes.of(fn);
  const { items, next } = slice(urls, query, pageMax);
  return jsonReply(status.ok, { FunctionUrlConfigs: items.map((url) => shown(exchange, url)), ...next });
}

/** What is left out stays. */
export async function updateUrl(exchange: Exchange): Promise<Reply> {
  const { context, body } = exchange;
  const alias = aliasIn(exchange.function.qualifier);
  const [signed, streams, cors] = [signedIn(body), streamsIn(body), corsIn(body)];
  const { fn } = await found(exchange, noFunction);
  const after = await context.notes.change(fn, (notes) => {
    const before = urlOf(notes, alias);
    if (before === undefined) throw noUrl();
    const url: FnUrl = {
      ...before,
      signed: signed ?? before.signed,
      streams: streams ?? before.streams,
      cors: cors === undefined ? before.cors : cors,
      updatedAt: context.world.now(),
    };
    return { ...notes, urls: notes.urls?.map((each) => (each === before ? url : each)) ?? [] };
  });
  return jsonReply(status.ok, shown(exchange, urlOf(after, alias) as FnUrl));
}

export async function removeUrl(exchange: Exchange): Promise<Reply> {
  const alias = aliasIn(exchange.function.qualifier);
  const { fn } = await found(exchange, noUrl);
  await exchange.context.notes.change(fn, (notes) => {
    const gone = urlOf(notes, alias);
    if (gone === undefined) throw noUrl();
    return { ...notes, urls: notes.urls?.filter((each) => each !== gone) ?? [] };
  });
  return nothingReply;
}

async function found(exchange: Exchange, missing: () => Refusal): Promise<FoundFunction> {
  try {
    return await functionNamed(exchange);
  } catch (error) {
    throw error instanceof Refusal && error.code === "ResourceNotFound" ? missing() : error;
  }
}

function urlOf({ urls = [] }: FnNotes, alias: string | null): FnUrl | undefined {
  return urls.find((url) => url.alias === alias);
}

function arn({ context, function: named }: Exchange, alias: string | null): string {
  return arnIn(context.identity, { ...named, qualifier: alias });
}

/** As AWS answers who has just made it: without what was not said. */
function made(exchange: Exchange, { id, alias, signed, streams, cors, createdAt }: FnUrl): object {
  return {
    FunctionUrl: shownUrl(exchange.context, exchange.request, id),
    FunctionArn: arn(exchange, alias),
    AuthType: signed ? "AWS_IAM" : "NONE",
    ...(cors === null ? {} : { Cors: shownCors(cors) }),
    CreationTime: new Date(createdAt).toISOString(),
    ...(streams === null ? {} : { InvokeMode: streams ? "RESPONSE_STREAM" : "BUFFERED" }),
  };
}

function shown(exchange: Exchange, url: FnUrl): object {
  const LastModifiedTime = new Date(url.updatedAt).toISOString();
  return { ...made(exchange, { ...url, streams: url.streams ?? false }), LastModifiedTime };
}

function shownCors({ origins, methods, headers, exposed, credentials, maxAgeS }: CorsRules): object {
  return {
    AllowOrigins: origins,
    AllowMethods: methods,
    AllowHeaders: headers,
    ExposeHeaders: exposed,
    AllowCredentials: credentials,
    MaxAge: maxAgeS,
  };
}
