import type { Change } from "../project/deployment.ts";
import { functionPath, LambdaRefusal } from "./lambda-door.ts";
import type { Around } from "./around.ts";
import type { WantedFunction } from "./wanted.ts";

type WantedAlias = NonNullable<WantedFunction["alias"]>;

/** A version is published whenever the function changed, and the alias leads to it. `isChanged`: it is going to. */
export async function aliasChange(
  { door }: Around,
  fn: string,
  { name, provisioned }: WantedAlias,
  isChanged: boolean,
): Promise<Change> {
  const path = functionPath(fn);
  const there = await door.find(`${path}/aliases/${name}`);
  const ready =
    there === null
      ? null
      : await door.find(`${functionPath(fn, "2019-09-30")}/provisioned-concurrency`, { query: { Qualifier: name } });
  const isProvisioned = (ready?.["RequestedProvisionedConcurrentExecutions"] ?? null) === provisioned;
  const fields = [...(isChanged ? ["version"] : []), ...(isProvisioned ? [] : ["provisioned concurrency"])];
  return {
    verb: there === null ? "create" : fields.length > 0 ? "update" : "keep",
    noun: "alias",
    name: `${fn}:${name}`,
    fields,
    apply: async () => {
      const { Version } = await door.ask("POST", `${path}/versions`, { body: {} });
      if (there === null) await door.ask("POST", `${path}/aliases`, { body: { Name: name, FunctionVersion: Version } });
      else await door.ask("PUT", `${path}/aliases/${name}`, { body: { FunctionVersion: Version } });
      if (!isProvisioned) await provision();
    },
  };

  async function provision(): Promise<void> {
    const query = { Qualifier: name };
    const at = `${functionPath(fn, "2019-09-30")}/provisioned-concurrency`;
    if (provisioned !== null) await door.ask("PUT", at, { query, body: { ProvisionedConcurrentExecutions: provisioned } });
    else
      await door.ask("DELETE", at, { query }).catch((error: unknown) => {
        if (!(error instanceof LambdaRefusal) || !error.isNotFound) throw error;
      });
  }
}
