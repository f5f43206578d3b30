/** What is said about functions: their tags, versions and aliases. Whoever gives them does so through the door that has words for them. */
import type { Static } from "typebox";
import Type from "typebox";
import type { FnNotes } from "../../model/fn-notes.ts";
import { type Door, functionAt } from "./door.ts";
import { operation } from "./openapi.ts";
import { functionPath } from "./schemas.ts";

const provisioned = Type.Integer({ description: "Sandboxes that are kept ready" });
const versionNumber = Type.Integer({ description: "Of a version" });

const notesAnswer = Type.Object({
  tags: Type.Record(Type.String(), Type.String()),
  versions: Type.Array(
    Type.Object({
      version: Type.Integer(),
      revision: Type.Integer({ description: "Kept for as long as it is a version" }),
      description: Type.String(),
      provisioned,
      createdAt: Type.String({ format: "date-time" }),
    }),
  ),
  aliases: Type.Array(
    Type.Object({
      name: Type.String(),
      description: Type.String(),
      version: Type.Union([versionNumber, Type.Null()], { description: "Null: the newest revision, whichever that is" }),
      other: Type.Union([Type.Object({ version: versionNumber, weight: Type.Number() }), Type.Null()], {
        description: "Another version, and its part of the calls",
      }),
      provisioned,
    }),
  ),
});

export function noteRoutes({ scope, parts }: Door): void {
  scope.get(
    "/v1/namespaces/:ns/apps/:app/functions/:fn/notes",
    {
      schema: {
        ...operation("getNotes", "Functions", "The tags, versions and aliases of a function", notesAnswer),
        params: functionPath,
      },
    },
    async ({ params }) => {
      const { fn } = await functionAt(parts, params.ns, params.app, params.fn);
      return shown(await parts.store.notes.get(params.ns, fn.id));
    },
  );
}

function shown(notes: FnNotes | undefined): Static<typeof notesAnswer> {
  if (notes === undefined) return { tags: {}, versions: [], aliases: [] };
  const { tags, versions, aliases } = notes;
  return {
    tags: { ...tags },
    versions: versions.map(({ version, revision, description, provisioned: ready = 0, createdAt }) => {
      return { version, revision, description, provisioned: ready, createdAt: new Date(createdAt).toISOString() };
    }),
    aliases: aliases.map(({ name, description, version, other, provisioned: ready = 0 }) => {
      return { name, description, version, other, provisioned: ready };
    }),
  };
}
