/**
 * What Fn's `func.yaml`, of its version 20180708 and of the one before, and `app.yaml` may say: the types, the checks and the schemas for
 * editors (`schemas/func.schema.json`, `schemas/app.schema.json`, `schemas/test.schema.json`) come from here. Maps are open: Fn's client ignores what it does not know, so
 * we name it and go on.
 */
import Type, { type Static, type TSchema } from "typebox";
import { limits } from "../../model/limits.ts";
import { draft7, idlePrefix, schemaVersion } from "./schemas.ts";

/** Fn reads any scalar as text. */
const text = (description: string) => Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Boolean()], { description }));
/** Known to Fn and without a meaning here. */
const idle = (what: string) => idlePrefix + what;

const seconds = (bound: { max: number }, description: string) =>
  Type.Optional(
    Type.Integer({ minimum: 0, maximum: bound.max / 1000, description: `${description}, in seconds; 0: the default` }),
  );

const config = Type.Optional(
  Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
    description: "Environment variables. ${env:NAME} is a variable of who deploys, ${file:PATH} a file's text",
  }),
);
const annotations = Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: "Anything to note, by key" }));
const group = <T extends Record<string, TSchema>>(keys: T, description: string) => Type.Object(keys, { description });
const optional = <T extends Record<string, TSchema>>(keys: T, description: string) => Type.Optional(group(keys, description));

const destination = optional(
  { type: text(idle("another cloud's")), ocid: text(idle("another cloud's")) },
  idle("another cloud's"),
);

const oci = optional(
  {
    provisioned_concurrency: optional(
      { strategy: text("NONE or CONSTANT"), count: Type.Optional(Type.Integer({ minimum: 0, description: "How many" })) },
      "Sandboxes that are kept ready",
    ),
    detached_mode: optional(
      { timeout: text(idle("the function's own timeout counts")), on_success: destination, on_failure: destination },
      idle("another cloud's destinations"),
    ),
    pbf: optional({ listing_id: text(idle("another cloud's catalogue")) }, idle("another cloud's catalogue")),
    freeform_tags: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: idle("another cloud's tags") })),
    defined_tags: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: idle("another cloud's tags") })),
  },
  "What Fn's client says to one cloud only",
);

const test = group(
  {
    name: text("Shown with its outcome"),
    input: optional(
      { body: Type.Optional(Type.Unknown({ description: "Sent as JSON; an empty text sends nothing" })) },
      "What the function is called with",
    ),
    output: optional({ body: Type.Optional(Type.Unknown({ description: "Compared as JSON" })) }, "What it has to answer"),
    outoutput: optional({ body: Type.Optional(Type.Unknown()) }, "As output: Fn's own client read this spelling from YAML"),
    err: text("The call has to fail, with this in its message"),
  },
  "A test",
);

const funcYaml = Type.Object(
  {
    schema_version: Type.Optional(
      Type.Integer({ description: `${schemaVersion}; left out: the version before, which has no triggers` }),
    ),
    name: text("Name of the function and of its image; without it the folder's"),
    version: text("Tag of its image, as MAJOR.MINOR.PATCH"),
    runtime: text("node, python, go, each with a version behind it if need be, or any kind of the server (polykiln kind list)"),
    build_image: text(idle("the kind has a root to build in")),
    run_image: text(idle("the kind has a root to run in")),
    entrypoint: text("Program and arguments instead of the runtime's own"),
    cmd: text("Arguments behind the entrypoint"),
    content_type: text("Type of the bodies that tests send"),
    type: text("sync; or async: nobody waits for its calls"),
    format: text("In the version before: how the platform speaks to the code; the current one has http-stream alone"),
    path: text("In the version before: the path that leads to the function; without it /NAME"),
    headers: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: idle("a function sets its own headers") })),
    cpus: text(idle("memory decides on processors")),
    memory: Type.Optional(
      Type.Integer({ minimum: 0, maximum: limits.memoryMiB.max, description: "Memory of a sandbox, in MiB; 0: the default" }),
    ),
    timeout: seconds(limits.timeoutMs, "How long a call may take"),
    idle_timeout: seconds(limits.idleTimeoutMs, "How long a sandbox without a call is kept"),
    config,
    annotations,
    build: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), { description: "Shell commands run in the folder before it is packed" }),
    ),
    tests: Type.Optional(
      Type.Array(test, { description: "In the version before: what `polykiln test` runs; test.json has the same" }),
    ),
    expects: optional(
      {
        config: Type.Optional(
          Type.Array(
            group(
              {
                name: Type.String({ minLength: 1, description: "Name of the variable" }),
                required: Type.Optional(Type.Boolean({ description: "It has to be there" })),
              },
              "A variable",
            ),
            { description: "Variables that the code reads" },
          ),
        ),
      },
      "What has to be set",
    ),
    triggers: Type.Optional(
      Type.Array(
        group(
          {
            name: Type.String({ minLength: 1, description: "Name of the route" }),
            type: Type.Optional(Type.Enum(["http"], { description: "Only http" })),
            source: Type.String({ minLength: 1, description: "/hello makes /t/APP/hello lead here" }),
          },
          "A path that leads to the function",
        ),
        { description: "Paths that lead to the function" },
      ),
    ),
    signing_details: optional(
      {
        image_compartment_id: text(idle("another cloud's")),
        kms_key_id: text(idle("another cloud's")),
        kms_key_version_id: text(idle("another cloud's")),
        signing_algorithm: text(idle("another cloud's")),
      },
      idle("images are not signed"),
    ),
    deploy: optional({ oci }, "What Fn's client says to one cloud only"),
  },
  { title: "Fn function (func.yaml)" },
);

const appYaml = Type.Object(
  {
    name: text("Name of the app; without it the folder's"),
    config,
    annotations,
    syslog_url: text("Where what functions print is sent: tcp, udp, tcp+tls, unix or unixgram"),
  },
  { title: "Fn app (app.yaml)" },
);

/** `test.json`: the tests of a function in a file beside it. */
const testJson = Type.Object({ tests: Type.Optional(Type.Array(test)) }, { title: "Fn tests (test.json)" });

export type FuncYaml = Static<typeof funcYaml>;
export type AppYaml = Static<typeof appYaml>;
export type TestJson = Static<typeof testJson>;
export type TestYaml = Static<typeof test>;

/** The schemas for editors: documents of draft 7, by file name. */
export function editorSchemas(): Readonly<Record<string, object>> {
  return { "func.schema.json": draft7(funcYaml), "app.schema.json": draft7(appYaml), "test.schema.json": draft7(testJson) };
}
