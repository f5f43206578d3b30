/** What `kiln.yaml` may say: the type, the check and the schema for editors (`schemas/kiln.schema.json`) come from here. */
import Type, { type Static } from "typebox";
import { limits } from "../../model/limits.ts";
import { byNamespace, conventionNames, installModes, keepAliveNames, protocolNames } from "../../model/model.ts";
import { draft7 } from "./schemas.ts";

const closed = { additionalProperties: false } as const;

const whole = (bound: { min: number; max: number; default: number }, description: string) =>
  Type.Optional(Type.Integer({ minimum: bound.min, maximum: bound.max, default: bound.default, description }));

const scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

const config = Type.Optional(
  Type.Record(Type.String(), scalar, {
    description:
      "Environment variables. ${env:NAME} is a variable of who deploys (also from .env files), ${file:PATH} a file's text",
  }),
);

const annotations = Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: "Anything to note, by key" }));

const delivery = Type.Object(
  {
    attemptsMax: whole(limits.delivery.attemptsMax, "Runs of one call, the first included"),
    backoffMs: whole(limits.delivery.backoffMs, "Before the second attempt; doubled for each further one"),
    ageMsMax: whole(limits.delivery.ageMsMax, "A call that is older is not run any more"),
    onSuccess: Type.Optional(
      Type.String({ pattern: "^[^/]+/[^/]+$", description: "APP/FUNCTION called with the outcome of a call that succeeded" }),
    ),
    onFailure: Type.Optional(
      Type.String({ pattern: "^[^/]+/[^/]+$", description: "APP/FUNCTION called with the outcome of a call that was given up" }),
    ),
  },
  { ...closed, description: "What becomes of asynchronous calls" },
);

const patterns = (description: string) => Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description }));

const fn = Type.Object(
  {
    kind: Type.Optional(Type.String({ description: "Language runtime, such as nodejs:24, python:3.11, go:1, native:1" })),
    image: Type.Optional(Type.String({ minLength: 1, description: "A container image instead of code" })),
    handler: Type.Optional(
      Type.String({ minLength: 1, description: "FILE.NAME of the handler; without it the kind's own choice" }),
    ),
    command: Type.Optional(
      Type.Array(Type.String(), { minItems: 1, description: "Program and arguments instead of the kind's own" }),
    ),
    protocol: Type.Optional(Type.Enum([...protocolNames], { description: "How the platform speaks to the code" })),
    convention: Type.Optional(
      Type.Enum([...conventionNames], {
        description:
          "How the handler is called: event, as handler(event, context); parameters, as main(parameters); lambda, as AWS Lambda calls it",
        default: "event",
      }),
    ),
    folder: Type.Optional(Type.String({ minLength: 1, default: ".", description: "Folder of the code, from this file" })),
    build: Type.Optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }))], {
        description: "Shell commands run in `folder` before its files are packed",
      }),
    ),
    install: Type.Optional(
      Type.Enum([...installModes], {
        default: "auto",
        description:
          "Packages that package.json or requirements.txt names and the code does not bring: auto installs them on the server, scripts lets them run scripts of theirs meanwhile, none leaves it",
      }),
    ),
    include: patterns("Pack only what matches, in the language of .gitignore"),
    exclude: patterns("Do not pack what matches, besides .gitignore and .kilnignore"),
    memoryMiB: whole(limits.memoryMiB, "Memory of a sandbox"),
    timeoutMs: whole(limits.timeoutMs, "How long a call may take"),
    idleTimeoutMs: whole(limits.idleTimeoutMs, "How long a sandbox without a call is kept"),
    concurrency: whole(limits.concurrency, "Calls that one sandbox runs at a time"),
    sandboxesMax: whole(limits.sandboxesMax, "Sandboxes that may exist at once"),
    logBytesMax: Type.Optional(
      Type.Integer({
        minimum: limits.functionLogBytesMax.min,
        maximum: limits.functionLogBytesMax.max,
        description: "Bytes of what a call prints that are kept; without it as many as the server keeps of any",
      }),
    ),
    isolation: Type.Optional(
      Type.Enum(["shared", "fresh"], { default: "shared", description: "fresh: each call gets a sandbox of its own" }),
    ),
    sandboxAgeMsMax: whole(limits.sandboxAgeMsMax, "Age at which a sandbox gets no new calls"),
    provisioned: whole(limits.provisioned, "Sandboxes that are kept ready, so that as many calls at once start none"),
    keepAlive: Type.Optional(
      Type.Enum([...keepAliveNames], {
        default: "fixed",
        description: "When other sandboxes without calls end: fixed, after idleTimeoutMs; learned, by when calls came so far",
      }),
    ),
    egress: Type.Optional(
      Type.Union(
        [Type.Enum([byNamespace, "none", "internet"]), Type.Array(Type.String(), { maxItems: limits.egressEntriesMax })],
        {
          default: byNamespace,
          description:
            "What the code may connect to: what its namespace says, none, internet, or a list of HOST:PORT, where platform is the platform's own API and internet what it is alone",
        },
      ),
    ),
    delivery: Type.Optional(delivery),
    config,
    parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: "JSON parameters under a call's own" })),
    annotations,
  },
  { ...closed, description: "A function" },
);

const kilnYaml = Type.Object(
  {
    app: Type.Optional(Type.String({ minLength: 1, description: "App of the functions; without it the folder's name" })),
    namespace: Type.Optional(Type.String({ minLength: 1, description: "Namespace; -n and the context come first" })),
    config,
    annotations,
    functions: Type.Record(Type.String(), fn, { minProperties: 1, description: "Functions by name" }),
    routes: Type.Optional(
      Type.Record(Type.String(), Type.String({ minLength: 1 }), {
        description: "Functions by path: /hello: hello makes /t/APP/hello lead to function hello",
      }),
    ),
  },
  { ...closed, title: "polykiln project (kiln.yaml)" },
);

export type KilnYaml = Static<typeof kilnYaml>;
export type FunctionYaml = Static<typeof fn>;

/** The schema for editors: the same, as a document of draft 7. */
export function editorSchema(): object {
  return draft7(kilnYaml);
}
