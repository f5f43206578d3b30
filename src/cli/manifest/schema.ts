/**
 * What a manifest of wskdeploy (`manifest.yaml`) and its `deployment.yaml` may say: the types, the checks and the schema for editors
 * (`schemas/manifest.schema.json`) come from here. Maps are closed, as wskdeploy's are.
 */
import Type, { type Static, type TSchema } from "typebox";
import { draft7 } from "../project/schemas.ts";

/** wskdeploy reads any scalar as text. */
const text = (description: string) => Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Boolean()], { description }));
const closed = { additionalProperties: false } as const;
const map = <T extends TSchema>(each: T, description: string) => Type.Optional(Type.Record(Type.String(), each, { description }));

/** Known to wskdeploy, and without an effect there as well. */
const unused = (what: string) => `${what}. Nothing is made of it`;
const unusedText = (what: string) => text(unused(what));
const anything = (description: string) => Type.Optional(Type.Unknown({ description }));

const inputs = map(
  Type.Unknown(),
  "Parameters by name: a value, the name of a type, or {type, value, default, required, description}",
);
const annotations = map(Type.Unknown(), "Annotations by key; $NAME and ${NAME} in text are variables");
const limit = (description: string) => Type.Optional(Type.Integer({ description }));

const limits = Type.Optional(
  Type.Object(
    {
      timeout: limit("In ms"),
      memorySize: limit("In MB"),
      logSize: limit("In MB"),
      concurrentActivations: limit(unused("Of a namespace")),
      userInvocationRate: limit(unused("Of a namespace")),
      codeSize: limit(unused("Of the server")),
      parameterSize: limit(unused("Of the server")),
    },
    { ...closed, description: "Without one: 60000 ms, 256 MB, 10 MB" },
  ),
);

const web = text("true, yes, false, no, or raw");

const action = Type.Object(
  {
    function: text("A file, a folder, a zip, a jar, or a URL of one"),
    location: text("The same, by its older name"),
    code: text("The code itself; needs runtime"),
    runtime: text("Kind, such as nodejs:24; without it by the file's name"),
    main: text("What is called in the code"),
    docker: text("Container image that runs it"),
    native: Type.Optional(Type.Boolean({ description: "The code is a program, or a zip with one called exec" })),
    web,
    "web-export": web,
    conductor: Type.Optional(Type.Boolean({ description: "Says which action is next" })),
    inputs,
    outputs: anything(unused("What it gives")),
    limits,
    annotations,
    include: Type.Optional(
      Type.Array(Type.Array(Type.String(), { minItems: 1, maxItems: 2 }), {
        description: "[source, destination]: files that belong into the folder, from where the manifest is",
      }),
    ),
    exclude: Type.Optional(
      Type.Array(Type.String(), { description: "Files that do not belong into the folder, from where the manifest is" }),
    ),
    version: text("Version, such as 1.0.0"),
    description: unusedText("For people"),
    name: unusedText("Its name is its key"),
    namespace: unusedText("Namespace"),
    credential: unusedText("Key"),
    exposedUrl: unusedText("URL"),
  },
  { ...closed, description: "An action" },
);

const sequence = Type.Object(
  { actions: Type.String({ description: "Names of actions with commas between them" }), web, annotations },
  { ...closed, description: "Actions one after the other" },
);

const trigger = Type.Object(
  {
    feed: text("Feed action that fires it, with inputs"),
    source: text("The same, by its older name"),
    inputs,
    annotations,
    description: unusedText("For people"),
    name: unusedText("Its name is its key"),
    namespace: unusedText("Namespace"),
    credential: unusedText("Key"),
  },
  { ...closed, description: "A trigger" },
);

const rule = Type.Object(
  {
    trigger: text("Name of the trigger"),
    action: text("Name of the action or the sequence"),
    rule: unusedText("Name"),
    name: unusedText("Its name is its key"),
    description: unusedText("For people"),
    annotations,
  },
  { ...closed, description: "When the trigger fires, the action is called" },
);

const dependency = Type.Object(
  {
    location: text("/NAMESPACE/PACKAGE: a binding of this name is made to it"),
    version: unusedText("Branch of a repository"),
    inputs,
    annotations,
  },
  { ...closed, description: "A package of the server" },
);

const method = Type.Object(
  { method: text("get, put, post, delete, patch, head or options"), response: text("http, json, text, svg or html") },
  { ...closed, description: "How the action is reached" },
);
const apis = map(
  Type.Record(Type.String(), Type.Record(Type.String(), Type.Record(Type.String(), method))),
  "By name, base path, path and action",
);

const pkg = Type.Object(
  {
    name: unusedText("Its name is its key"),
    version: text("Version, such as 1.0.0"),
    license: unusedText("License"),
    public: Type.Optional(Type.Boolean({ description: "Others may read, call and bind it" })),
    inputs,
    annotations,
    dependencies: map(dependency, "Bindings by name"),
    actions: map(action, "Actions by name"),
    sequences: map(sequence, "Sequences by name"),
    triggers: map(trigger, "Triggers by name"),
    feeds: anything(unused("A trigger's feed is what fires it")),
    rules: map(rule, "Rules by name"),
    apis,
    description: unusedText("For people"),
    repositories: anything(unused("Where it is from")),
    namespace: unusedText("Namespace; --namespace says it, or the project"),
    credential: unusedText("Key; --auth says it"),
    apiHost: unusedText("Server; --api-url says it"),
    apigwAccessToken: unusedText("Key of a gateway"),
  },
  { ...closed, description: "A package; of the name default: what is in none" },
);

const packages = map(pkg, "Packages by name");

const manifest = Type.Object(
  {
    project: Type.Optional(
      Type.Object(
        {
          name: text("Name of the project: what it made, and the manifest has no more, --prune deletes"),
          namespace: text("Namespace; -n and the context come first"),
          inputs,
          packages,
          config: text("Swagger file of an API"),
          version: unusedText("Version"),
          credential: unusedText("Key; --auth says it"),
          apiHost: unusedText("Server; --api-url says it"),
          apigwAccessToken: unusedText("Key of a gateway"),
        },
        { ...closed, description: "The project" },
      ),
    ),
    packages,
    filepath: unusedText("wskdeploy's export writes it"),
  },
  { ...closed, title: "OpenWhisk project (manifest.yaml, deployment.yaml)" },
);

export type ManifestYaml = Static<typeof manifest>;
export type PackageYaml = Static<typeof pkg>;
export type ActionYaml = Static<typeof action>;

/** The schema for editors: a document of draft 7. */
export function manifestSchema(): object {
  return draft7(manifest);
}
