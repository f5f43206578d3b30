/** Who besides its namespace may use a version of a layer: another namespace, by its name, or all of them (`*`). */
import type { LayerVersion } from "../../../model/layer.ts";
import { uuidFor } from "../configuration.ts";
import { conflict, invalidParameter, notFound, status, violates, wrongRevision } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import { textIn } from "../fields.ts";
import { jsonReply, nothingReply, type Reply } from "../reply.ts";
import { changedLayer } from "./change.ts";
import { layerArn, type LayerName, versionOf } from "./names.ts";
import { ownLayer } from "./publish.ts";

const noVersion = (arn: string) => notFound(`Layer version ${arn} does not exist.`);

export async function addLayerPermission(exchange: Exchange): Promise<Reply> {
  const { body, query } = exchange;
  const sid = textIn(body, "StatementId") ?? "";
  if (!/^[\w-]{1,100}$/.test(sid))
    throw violates(sid.slice(0, 60), "statementId", "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)");
  const action = textIn(body, "Action") ?? "";
  if (action !== "lambda:GetLayerVersion")
    throw violates(action.slice(0, 60), "action", "Member must satisfy regular expression pattern: lambda:GetLayerVersion");
  const principal = textIn(body, "Principal") ?? "";
  if (!/^(?:\*|arn:aws[\w-]*:iam::\d{12}:root|[^\s:]{1,255})$/.test(principal))
    throw violates(
      principal.slice(0, 60),
      "principal",
      "Member must be an account, the name of a namespace of this server, or *",
    );
  const organization = textIn(body, "OrganizationId");
  if (organization !== undefined && principal !== "*")
    throw invalidParameter("OrganizationId is given together with the Principal * alone");
  const { named, version } = await changedVersion(exchange, query.get("RevisionId"), (before, arn) => {
    if (before.statements[sid] !== undefined)
      throw conflict(
        `The statement id (${sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
      );
    const statement = {
      Sid: sid,
      Effect: "Allow",
      Principal: principal === "*" ? "*" : { AWS: principal },
      Action: action,
      Resource: arn,
      ...(organization === undefined ? {} : { Condition: { StringEquals: { "aws:PrincipalOrgID": organization } } }),
    };
    // There are no organizations here, so nobody is in one.
    const users = organization === undefined ? { ...before.users, [sid]: principal } : before.users;
    return { ...before, users, statements: { ...before.statements, [sid]: JSON.stringify(statement) } };
  });
  return jsonReply(status.created, { Statement: version.statements[sid], RevisionId: revisionIdOf(named, version) });
}

export async function getLayerPolicy(exchange: Exchange): Promise<Reply> {
  const named = ownLayer(exchange);
  const number = versionOf(exchange);
  const layer = await exchange.context.store.layers.get(named.namespace, named.name);
  const version = layer?.versions.find((each) => each.version === number);
  if (version === undefined) throw noVersion(arnOf(exchange, named, number));
  const statements = Object.values(version.statements);
  if (statements.length === 0) throw notFound("No policy is associated with the given resource.");
  const policy = `{"Version":"2012-10-17","Id":"default","Statement":[${statements.join(",")}]}`;
  return jsonReply(status.ok, { Policy: policy, RevisionId: revisionIdOf(named, version) });
}

export async function removeLayerPermission(exchange: Exchange): Promise<Reply> {
  const sid = exchange.parts["statement"] ?? "";
  await changedVersion(exchange, exchange.query.get("RevisionId"), (before) => {
    const { [sid]: gone, ...statements } = before.statements;
    if (gone === undefined) throw notFound(`Statement ${sid} is not found in resource policy.`);
    const { [sid]: _user, ...users } = before.users;
    return { ...before, statements, users };
  });
  return nothingReply;
}

/** The version that the path names, changed. `revisionId`: what the caller says that its policy is; null: nothing. Throws `Refusal`. */
async function changedVersion(
  exchange: Exchange,
  revisionId: string | null,
  change: (version: LayerVersion, arn: string) => LayerVersion,
): Promise<{ readonly named: LayerName; readonly version: LayerVersion }> {
  const named = ownLayer(exchange);
  const number = versionOf(exchange);
  const arn = arnOf(exchange, named, number);
  const layer = await changedLayer(exchange.context, named, (before) => {
    const version = before.versions.find((each) => each.version === number);
    if (version === undefined) throw noVersion(arn);
    if (revisionId !== null && revisionId !== revisionIdOf(named, version)) throw wrongRevision();
    const changed = change(version, arn);
    return { ...before, versions: before.versions.map((each) => (each === version ? changed : each)) };
  });
  return { named, version: layer.versions.find((each) => each.version === number) as LayerVersion };
}

function arnOf({ context, namespace }: Exchange, named: LayerName, number: number): string {
  return `${layerArn(context.identity, named, namespace)}:${number}`;
}

function revisionIdOf({ namespace, name }: LayerName, { version, statements }: LayerVersion): string {
  return uuidFor(`${namespace} ${name} ${version} ${JSON.stringify(statements)}`);
}
