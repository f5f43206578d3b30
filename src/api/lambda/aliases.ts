/** Aliases: names for a version, or for two that share the calls. */
import type { FnAlias, FnNotes } from "../../model/fn-notes.ts";
import { noted } from "./change.ts";
import { uuidFor } from "./configuration.ts";
import { conflict, functionNotFound, invalidParameter, notFound, status, violates, wrongRevision } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { type Json, objectIn, textIn } from "./fields.ts";
import { arnIn, functionNamed } from "./found.ts";
import { slice } from "./pages.ts";
import { arnOf, latest, shownName } from "./names.ts";
import { jsonReply, nothingReply, type Reply } from "./reply.ts";
import { readDescription } from "./settings.ts";

export async function createAlias(exchange: Exchange): Promise<Reply> {
  const { context, body } = exchange;
  const name = textIn(body, "Name") ?? "";
  if (!/^[\w-]{1,128}$/.test(name) || /^\d+$/.test(name))
    throw violates(name.slice(0, 60), "name", "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)");
  const { fn } = await functionNamed(exchange);
  const notes = await context.notes.change(fn, (said) => {
    if (said.aliases.some((alias) => alias.name === name)) throw conflict(`Alias already exists: ${aliasArn(exchange, name)}`);
    if (textIn(body, "FunctionVersion") === undefined) throw invalidParameter("FunctionVersion is missing");
    const blank: FnAlias = { name, description: "", version: null, other: null, revision: 0 };
    return { ...said, aliases: [...said.aliases, changed(exchange, said, fn.id, blank)].toSorted(byName) };
  });
  noted(exchange, fn, notes);
  return jsonReply(status.created, render(exchange, fn.id, aliasIn(exchange, notes, name)));
}

const byName = (one: FnAlias, other: FnAlias) => (one.name < other.name ? -1 : 1);

export async function getAlias(exchange: Exchange): Promise<Reply> {
  const { fn } = await functionNamed(exchange);
  const notes = await exchange.context.notes.of(fn);
  return jsonReply(status.ok, render(exchange, fn.id, aliasIn(exchange, notes, aliasName(exchange))));
}

export async function listAliases(exchange: Exchange): Promise<Reply> {
  const { context, query } = exchange;
  const { fn } = await functionNamed(exchange);
  const version = query.get("FunctionVersion");
  const { aliases } = await context.notes.of(fn);
  const wanted = aliases.filter(
    (alias) => version === null || versionShown(alias) === version || String(alias.other?.version) === version,
  );
  const { items, next } = slice(wanted, query);
  return jsonReply(status.ok, { Aliases: items.map((alias) => render(exchange, fn.id, alias)), ...next });
}

export async function updateAlias(exchange: Exchange): Promise<Reply> {
  const name = aliasName(exchange);
  const { fn } = await functionNamed(exchange);
  const notes = await exchange.context.notes.change(fn, (said) => {
    const alias = changed(exchange, said, fn.id, aliasIn(exchange, said, name));
    return { ...said, aliases: said.aliases.map((each) => (each.name === name ? alias : each)) };
  });
  noted(exchange, fn, notes);
  return jsonReply(status.ok, render(exchange, fn.id, aliasIn(exchange, notes, name)));
}

export async function removeAlias(exchange: Exchange): Promise<Reply> {
  const name = aliasName(exchange);
  const { fn } = await functionNamed(exchange);
  const notes = await exchange.context.notes.change(fn, (said) =>
    said.aliases.some((alias) => alias.name === name)
      ? { ...said, aliases: said.aliases.filter((alias) => alias.name !== name) }
      : said,
  );
  noted(exchange, fn, notes);
  return nothingReply;
}

function aliasName({ parts }: Exchange): string {
  return parts["alias"] ?? "";
}

function aliasIn(exchange: Exchange, { aliases }: FnNotes, name: string): FnAlias {
  const found = aliases.find((alias) => alias.name === name);
  if (found === undefined) throw notFound(`Cannot find alias arn: ${aliasArn(exchange, name)}`);
  return found;
}

/** The alias as a body wants it. Throws `Refusal`. */
function changed(exchange: Exchange, notes: FnNotes, functionId: string, stored: FnAlias): FnAlias {
  const { body } = exchange;
  const wanted = textIn(body, "RevisionId");
  if (wanted !== undefined && wanted !== revisionIdOf(functionId, stored)) throw wrongRevision();
  const version = textIn(body, "FunctionVersion");
  const routing = objectIn(body, "RoutingConfig");
  const alias = {
    ...stored,
    description: readDescription(body) ?? stored.description,
    version: version === undefined ? stored.version : versionIn(exchange, notes, version),
    other: routing === undefined ? stored.other : otherIn(exchange, notes, routing),
    revision: stored.revision + 1,
  };
  if (alias.other !== null && alias.version === null)
    throw invalidParameter("$LATEST is not supported for an alias pointing to more than 1 version");
  return alias;
}

function versionIn(exchange: Exchange, { versions }: FnNotes, text: string): number | null {
  if (text === latest) return null;
  if (!/^\d{1,15}$/.test(text))
    throw violates(text.slice(0, 60), "functionVersion", "Member must satisfy regular expression pattern: (\\$LATEST|[0-9]+)");
  if (versions.some(({ version }) => String(version) === text)) return Number(text);
  throw functionNotFound(arnIn(exchange.context.identity, { ...exchange.function, qualifier: text }));
}

function otherIn(exchange: Exchange, notes: FnNotes, routing: Json): FnAlias["other"] {
  const weights = Object.entries(objectIn(routing, "AdditionalVersionWeights") ?? {});
  const [first] = weights;
  if (first === undefined) return null;
  if (weights.length > 1) throw invalidParameter("Number of items in AdditionalVersionWeights cannot be greater than 1");
  const [text, weight] = first;
  if (typeof weight !== "number" || !(weight >= 0 && weight <= 1))
    throw invalidParameter("A weight is a number between 0.0 and 1.0");
  const version = versionIn(exchange, notes, text);
  if (version === null) throw invalidParameter("$LATEST is not supported for an alias pointing to more than 1 version");
  return { version, weight };
}

function render(exchange: Exchange, functionId: string, alias: FnAlias): object {
  const { name, description, other } = alias;
  return {
    AliasArn: aliasArn(exchange, name),
    Name: name,
    FunctionVersion: versionShown(alias),
    Description: description,
    ...(other === null ? {} : { RoutingConfig: { AdditionalVersionWeights: { [other.version]: other.weight } } }),
    RevisionId: revisionIdOf(functionId, alias),
  };
}

function versionShown({ version }: FnAlias): string {
  return version === null ? latest : String(version);
}

function revisionIdOf(functionId: string, { name, revision }: FnAlias): string {
  return uuidFor(`${functionId} ${name} ${revision}`);
}

function aliasArn({ context, function: { app, name } }: Exchange, alias: string): string {
  return arnOf(context.identity, shownName(app, name), alias);
}
