import { isDeepStrictEqual } from "node:util";
import type { Change } from "../project/deployment.ts";
import { type Body, functionPath } from "./lambda-door.ts";
import type { Around } from "./around.ts";
import type { UrlSettings } from "./wanted.ts";

/** `alias`: of the function that the URL leads to; undefined: to the function as it is. */
export async function urlChange(
  { door, told }: Around,
  fn: string,
  alias: string | undefined,
  wanted: UrlSettings,
): Promise<Change> {
  const path = `${functionPath(fn, "2021-10-31")}/url`;
  const query: Record<string, string> = alias === undefined ? {} : { Qualifier: alias };
  const there = await door.find(path, { query });
  const { AuthType, InvokeMode, Cors } = wanted;
  const fields = there === null ? [] : differences(wanted, there);
  if (there !== null) told(fn, String(there["FunctionUrl"]));
  return {
    verb: there === null ? "create" : fields.length > 0 ? "update" : "keep",
    noun: "url",
    name: fn,
    fields,
    apply: async () => {
      const body = { AuthType, InvokeMode, ...(Cors === null && there === null ? {} : { Cors: Cors ?? {} }) };
      const made = await door.ask(there === null ? "POST" : "PUT", path, { query, body });
      told(fn, String(made["FunctionUrl"]));
    },
  };
}

function differences({ AuthType, InvokeMode, Cors }: UrlSettings, there: Body): string[] {
  const isSame: Readonly<Record<string, boolean>> = {
    "auth type": AuthType === there["AuthType"],
    "invoke mode": InvokeMode === (there["InvokeMode"] ?? "BUFFERED"),
    cors: isDeepStrictEqual({ ...Cors }, { ...(there["Cors"] as object | undefined) }),
  };
  return Object.keys(isSame).filter((name) => isSame[name] === false);
}
