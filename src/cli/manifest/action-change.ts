import type { FunctionAnswer } from "../answers.ts";
import type { Change } from "../project/deployment.ts";
import { isSameCode, loadCode } from "./code.ts";
import { different, differentAnnotations, differentVersion, goneAnnotations } from "./differences.ts";
import type { Feeds } from "./feeds.ts";
import { resolveKind } from "./kinds.ts";
import type { Values, WantedAction } from "./manifest.ts";
import type { OnServer } from "./plan.ts";
import { listOf, mapOf, type RuntimeAnswer, type StoredAction, type Wire } from "./wire.ts";

/** What a change is planned with. */
export interface Around {
  readonly wire: Wire;
  readonly stored: OnServer;
  readonly runtimes: Readonly<Record<string, readonly RuntimeAnswer[]>>;
  readonly feeds: Feeds;
  readonly signal: AbortSignal;
}

/** A change to something that is there, or is not, by the fields that differ. */
export function changeOf(
  noun: Change["noun"],
  name: string,
  isThere: boolean,
  fields: readonly string[],
  apply: () => Promise<void>,
): Change {
  return { verb: !isThere ? "create" : fields.length > 0 ? "update" : "keep", noun, name, fields, apply };
}

/** Code, kind and all else that an action says. What is left out has its default, also when an earlier deploy had said something else. */
export async function actionChange(around: Around, wanted: WantedAction): Promise<Change> {
  const { wire, stored, runtimes, signal } = around;
  const { name, limits, parameters, annotations, version } = wanted;
  const kind = resolveKind(wanted, runtimes);
  const code = wanted.code === null ? undefined : await loadCode(wanted.code, signal);
  const { image, main } = wanted;
  const exec = { kind, ...(image !== null && { image }), ...(main !== null && { main }), ...(code !== undefined && { code }) };
  const body = { limits, parameters: listOf(parameters), annotations: listOf(annotations), ...(version !== null && { version }) };
  if (!stored.actions.has(name)) return changeOf("action", name, false, [], putting(wire, name, { ...body, exec }));
  const [there, own] = await Promise.all([wire.get<StoredAction>("actions", name), ownParameters(wire, name)]);
  const storedAnnotations = mapOf(there.annotations);
  const ofExec = differentExec(exec, there.exec);
  const fields = [
    ...ofExec,
    ...different("limits", { ...limits }, limitsOf(there)),
    ...different("parameters", parameters, own),
    ...differentAnnotations(annotations, storedAnnotations),
    ...differentVersion(version, there.version),
  ];
  const delAnnotations = goneAnnotations(annotations, storedAnnotations);
  const change = { ...body, delAnnotations, ...(ofExec.length > 0 && { exec }) };
  return changeOf("action", name, true, fields, putting(wire, name, change));
}

/** Holds on to nothing but what is sent: the code of an action that stays as it is may be large. */
function putting(wire: Wire, name: string, body: object): () => Promise<void> {
  return () => wire.put("actions", name, body);
}

function differentExec(wanted: StoredAction["exec"], there: StoredAction["exec"]): string[] {
  const words = (["kind", "image", "main"] as const).filter((name) => wanted[name] !== there[name]);
  return isSameCode(wanted.code, there.code) ? words : [...words, "code"];
}

function limitsOf({ limits: { timeout, memory, logs } }: StoredAction): Values {
  return { timeout, memory, logs };
}

/** OpenWhisk's API shows them with those of the package under them; ours shows what the action has itself. */
async function ownParameters({ client, namespace }: Wire, name: string): Promise<Values> {
  const slash = name.indexOf("/");
  const app = slash < 0 ? "_" : name.slice(0, slash);
  const home = `/kiln/v1/namespaces/${encodeURIComponent(namespace)}/apps/${encodeURIComponent(app)}`;
  const { parameters } = await client.get<FunctionAnswer>(`${home}/functions/${encodeURIComponent(name.slice(slash + 1))}`);
  return parameters;
}
