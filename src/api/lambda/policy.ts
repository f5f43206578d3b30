/** Permissions of others. They are kept and shown as they were given; who may call a function here is decided by its namespace's keys alone. */
import { uuidFor } from "./configuration.ts";
import { conflict, notFound, status, violates, wrongRevision } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { type Json, textIn } from "./fields.ts";
import { arnIn, functionNamed } from "./found.ts";
import { jsonReply, nothingReply, type Reply } from "./reply.ts";

type Statements = Readonly<Record<string, string>>;

export async function addPermission(exchange: Exchange): Promise<Reply> {
  const { context, body } = exchange;
  const sid = textIn(body, "StatementId") ?? "";
  if (!/^[\w.-]{1,100}$/.test(sid))
    throw violates(sid.slice(0, 60), "statementId", "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)");
  const { fn } = await functionNamed(exchange);
  const statement = JSON.stringify(statementIn(exchange, sid));
  await context.notes.change(fn, (notes) => {
    checkRevision(fn.id, notes, textIn(body, "RevisionId"));
    const name = nameOf(exchange, sid);
    if (notes.statements[name] !== undefined)
      throw conflict(
        `The statement id (${sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
      );
    return { ...notes, statements: { ...notes.statements, [name]: statement } };
  });
  return jsonReply(status.created, { Statement: statement });
}

function statementIn(exchange: Exchange, sid: string): object {
  const { body, context } = exchange;
  const principal = required(body, "Principal");
  const action = required(body, "Action");
  if (!/^lambda:(?:\*|[a-zA-Z]+)$/.test(action) && action !== "*")
    throw violates(
      action.slice(0, 60),
      "action",
      "Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])",
    );
  const [arn, account] = [textIn(body, "SourceArn"), textIn(body, "SourceAccount")];
  const urlAuthType = textIn(body, "FunctionUrlAuthType");
  const equals = {
    ...(urlAuthType === undefined ? {} : { "lambda:FunctionUrlAuthType": urlAuthType }),
    ...(account === undefined ? {} : { "AWS:SourceAccount": account }),
  };
  const condition = {
    ...(Object.keys(equals).length === 0 ? {} : { StringEquals: equals }),
    ...(arn === undefined ? {} : { ArnLike: { "AWS:SourceArn": arn } }),
  };
  return {
    Sid: sid,
    Effect: "Allow",
    Principal: principal.endsWith(".amazonaws.com") ? { Service: principal } : principal === "*" ? "*" : { AWS: principal },
    Action: action,
    Resource: arnIn(context.identity, exchange.function),
    ...(Object.keys(condition).length === 0 ? {} : { Condition: condition }),
  };
}

function required(body: Json, name: string): string {
  const text = textIn(body, name);
  if (text === undefined || text === "") throw violates("null", name.toLowerCase(), "Member must not be null");
  return text;
}

export async function getPolicy(exchange: Exchange): Promise<Reply> {
  const { fn } = await functionNamed(exchange);
  const notes = await exchange.context.notes.of(fn);
  const found = Object.entries(notes.statements).filter(([name]) => name.startsWith(nameOf(exchange, "")));
  if (found.length === 0) throw notFound("The resource you requested does not exist.");
  const policy = `{"Version":"2012-10-17","Id":"default","Statement":[${found.map(([, json]) => json).join(",")}]}`;
  return jsonReply(status.ok, { Policy: policy, RevisionId: revisionIdOf(fn.id, notes) });
}

export async function removePermission(exchange: Exchange): Promise<Reply> {
  const { context, parts, query } = exchange;
  const sid = parts["statement"] ?? "";
  const { fn } = await functionNamed(exchange);
  await context.notes.change(fn, (notes) => {
    checkRevision(fn.id, notes, query.get("RevisionId") ?? undefined);
    const { [nameOf(exchange, sid)]: gone, ...left } = notes.statements;
    if (gone === undefined) throw notFound(`Statement ${sid} is not found in resource policy.`);
    return { ...notes, statements: left };
  });
  return nothingReply;
}

/** Each version and alias has a policy of its own. */
function nameOf({ function: { qualifier } }: Exchange, sid: string): string {
  return `${qualifier ?? ""}:${sid}`;
}

function checkRevision(functionId: string, notes: { readonly statements: Statements }, wanted: string | undefined): void {
  if (wanted !== undefined && wanted !== revisionIdOf(functionId, notes)) throw wrongRevision();
}

function revisionIdOf(functionId: string, { statements }: { readonly statements: Statements }): string {
  return uuidFor(`${functionId} ${JSON.stringify(statements)}`);
}
