import { limits } from "../../model/limits.ts";
import { createdOr200 } from "./apps.ts";
import { invalid } from "./check.ts";
import { appAt, type Door, type Scope } from "./door.ts";
import { putFunction, showFunction, whileWaiting } from "./functions.ts";
import { operation } from "./openapi.ts";
import { codeQuery, conditions, functionAnswer, functionPath } from "./schemas.ts";
import { checkSettings } from "./settings.ts";

const archiveTypes = new Set([
  "application/zip",
  "application/gzip",
  "application/x-gzip",
  "application/x-tar",
  "application/x-zip-compressed",
]);

/** Upload of code as it is, in a scope of its own: bodies are bytes here, whatever type they are said to have. */
export function codeRoutes({ scope, parts }: Door): void {
  void scope.register(async (inner) => {
    const bytes = inner as Scope;
    bytes.removeAllContentTypeParsers();
    bytes.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: limits.code.bytesMax }, (_request, body, done) =>
      done(null, body),
    );

    bytes.put(
      "/v1/namespaces/:ns/apps/:app/functions/:fn/code",
      {
        bodyLimit: limits.code.bytesMax,
        schema: {
          ...operation(
            "putCode",
            "Functions",
            "Deploy code in one step: a new revision, and the function itself if it is not there",
            functionAnswer,
          ),
          description:
            "curl -X PUT --data-binary @hello.mjs '.../functions/hello/code?kind=nodejs:24&file=hello.mjs' for one file; " +
            "curl -X PUT -H 'Content-Type: application/zip' --data-binary @code.zip '.../functions/hello/code?kind=nodejs:24' for an archive (zip, tar, tar.gz). " +
            "kind is needed once. The app has to be there, or be `_`.",
          params: functionPath,
          querystring: codeQuery,
          headers: conditions,
        },
      },
      async ({ params, query, headers, body }, reply) => {
        const { file, ...settings } = query;
        checkSettings(settings, true, parts.images.kinds);
        const upload = checkedUpload(body, headers as { "content-type"?: string }, file);
        const app = await appAt(parts, params.ns, params.app);
        const known = await parts.store.functions.getByName(params.ns, app?.id ?? null, params.fn);
        if (known === undefined && settings.kind === undefined) {
          const names = parts.images.kinds.list().map(({ name }) => name);
          throw invalid("kind", `Function ${params.fn} does not exist; to create it say ?kind= with one of ${names.join(", ")}`);
        }
        const { digest } = await parts.images.addCode(upload);
        const put = { ns: params.ns, app, name: params.fn, settings, digest };
        const upserted = await putFunction(parts, put, headers, whileWaiting(reply));
        return showFunction(reply.code(createdOr200(upserted)), upserted.item, app);
      },
    );
  });
}

/** A file when `?file=` names it, else an archive, which its type has to say: a forgotten name must not become a strange error. */
function checkedUpload(
  body: unknown,
  headers: { "content-type"?: string },
  file: string | undefined,
): { bytes: Buffer; fileName: string | null } {
  if (!Buffer.isBuffer(body) || body.length === 0) throw invalid("body", "The body is empty; it has to be the code");
  if (file !== undefined) return { bytes: body, fileName: file };
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (archiveTypes.has(type)) return { bytes: body, fileName: null };
  throw invalid(
    "content-type",
    `Content-Type is ${JSON.stringify(type)}, must be application/zip, application/gzip or application/x-tar for an archive; for one file say ?file=name`,
  );
}
