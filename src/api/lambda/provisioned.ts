/** Provisioned concurrency: sandboxes that are kept ready of a version, or for an alias. */
import { type FnAlias, type FnNotes, type FnVersion, provisionedRevisions } from "../../model/fn-notes.ts";
import { limits } from "../../model/limits.ts";
import { noted } from "./change.ts";
import { inState, invalidParameter, noProvisioned, status } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { wholeIn } from "./fields.ts";
import { arnIn, type FoundFunction, functionNamed } from "./found.ts";
import { latest } from "./names.ts";
import { jsonReply, nothingReply, type Reply } from "./reply.ts";
import { versionQualified } from "./versions.ts";

export async function putProvisioned(exchange: Exchange): Promise<Reply> {
  const { context, body } = exchange;
  const wanted = wholeIn(body, "ProvisionedConcurrentExecutions", { min: 1, max: limits.provisioned.max });
  if (wanted === undefined) throw invalidParameter("ProvisionedConcurrentExecutions is missing");
  const { found, qualifier } = await qualified(exchange);
  const shown = await versionQualified(exchange, found, qualifier);
  if (shown.version === null)
    throw invalidParameter("Provisioned Concurrency Configs cannot be applied to unpublished function versions.");
  const waits = context.readying.of(shown.fn);
  if (waits !== null) throw inState(waits.failure === null ? "Pending" : "Failed");
  const refusal = context.provisionRefusal?.({ ...shown.fn, provisioned: wanted }) ?? null;
  if (refusal !== null) throw invalidParameter(refusal.message);
  const notes = await context.notes.change(found.fn, (said) => withCount(said, qualifier, wanted));
  noted(exchange, found.fn, notes);
  return jsonReply(status.accepted, render(exchange, found, notes, qualifier));
}

export async function getProvisioned(exchange: Exchange): Promise<Reply> {
  const { context, query } = exchange;
  if (query.get("List") === "ALL") return await listed(exchange);
  const { found, qualifier } = await qualified(exchange);
  return jsonReply(status.ok, render(exchange, found, await context.notes.of(found.fn), qualifier));
}

async function listed(exchange: Exchange): Promise<Reply> {
  const { context } = exchange;
  const found = await functionNamed(exchange);
  const notes = await context.notes.of(found.fn);
  const qualifiers = [
    ...notes.versions.map((each) => [String(each.version), each] as const),
    ...notes.aliases.map((each) => [each.name, each] as const),
  ];
  const shown = (qualifier: string): object => {
    const FunctionArn = arnIn(context.identity, { ...exchange.function, qualifier });
    return { FunctionArn, ...render(exchange, found, notes, qualifier) };
  };
  const configs = qualifiers.filter(([, { provisioned = 0 }]) => provisioned > 0).map(([qualifier]) => shown(qualifier));
  return jsonReply(status.ok, { ProvisionedConcurrencyConfigs: configs });
}

export async function removeProvisioned(exchange: Exchange): Promise<Reply> {
  const { found, qualifier } = await qualified(exchange);
  const notes = await exchange.context.notes.change(found.fn, (said) => withCount(said, qualifier, 0));
  noted(exchange, found.fn, notes);
  return nothingReply;
}

async function qualified(exchange: Exchange): Promise<{ readonly found: FoundFunction; readonly qualifier: string }> {
  const { qualifier } = exchange.function;
  if (qualifier === null || qualifier === latest)
    throw invalidParameter("Provisioned Concurrency Configs cannot be applied to unpublished function versions.");
  return { found: await functionNamed(exchange), qualifier };
}

function withCount(notes: FnNotes, qualifier: string, count: number): FnNotes {
  const counted = <T extends FnVersion | FnAlias>(each: T, name: string): T => {
    if (name !== qualifier) return each;
    const { provisioned: _before, ...bare } = each;
    return (count === 0 ? bare : { ...bare, provisioned: count }) as T;
  };
  return {
    ...notes,
    versions: notes.versions.map((each) => counted(each, String(each.version))),
    aliases: notes.aliases.map((each) => counted(each, each.name)),
  };
}

/** Throws `Refusal` where nothing is kept ready. */
function render({ context, function: named }: Exchange, { fn }: FoundFunction, notes: FnNotes, qualifier: string): object {
  const version = notes.versions.find((each) => String(each.version) === qualifier);
  const alias = notes.aliases.find(({ name }) => name === qualifier);
  const wanted = (version ?? alias)?.provisioned ?? 0;
  if (wanted === 0) throw noProvisioned(arnIn(context.identity, { ...named, qualifier }));
  const own = {
    ...notes,
    versions: notes.versions.map(({ provisioned: _any, ...each }) => each),
    aliases: alias === undefined ? [] : [alias],
  };
  const revisions = version === undefined ? [...provisionedRevisions(own).keys()] : [version.revision];
  const ready = revisions.reduce((sum, revision) => sum + (context.provisioned?.(fn, revision).ready ?? 0), 0);
  const available = Math.min(wanted, ready);
  return {
    RequestedProvisionedConcurrentExecutions: wanted,
    AvailableProvisionedConcurrentExecutions: available,
    AllocatedProvisionedConcurrentExecutions: available,
    Status: available < wanted ? "IN_PROGRESS" : "READY",
    LastModified: new Date(version?.createdAt ?? fn.updatedAt).toISOString().replace("Z", "+0000"),
  };
}
