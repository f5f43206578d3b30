/** The shapes of this door's input and output: types, checks and the OpenAPI document come from here. */
import Type, { type TSchema } from "typebox";
import { limits } from "../../model/limits.ts";
import {
  activationStatuses,
  byNamespace,
  conventionNames,
  installModes,
  keepAliveNames,
  protocolNames,
  startTypes,
} from "../../model/model.ts";

const closed = { additionalProperties: false } as const;
const text = (description: string) => Type.String({ description });
const time = Type.String({ format: "date-time", description: "RFC 3339, UTC, milliseconds" });
const nullable = <T extends TSchema>(schema: T, description: string) => Type.Union([schema, Type.Null()], { description });
const whole = (bound: { min: number; max: number; default: number }, description: string) =>
  Type.Integer({ minimum: bound.min, maximum: bound.max, description: `${description} (Default: ${bound.default})` });

const convention = Type.Enum([...conventionNames], {
  description:
    "How a handler of protocol `frames` is called: `event`, as `handler(event, context)`; `parameters`, as `main(parameters)` with `parameters` under those of the call; `lambda`, as AWS Lambda calls it (Node and Python)",
});
const config = Type.Record(Type.String(), Type.String(), { description: "Environment variables" });
const annotations = Type.Record(Type.String(), Type.Unknown(), { description: "Anything that users want to note, by key" });
const parameters = Type.Record(Type.String(), Type.Unknown(), { description: "JSON parameters merged under a call's own" });
const protocol = Type.Enum([...protocolNames], { description: "How the platform speaks to the code" });

export const namespacePath = Type.Object({ ns: text("Namespace") });
export const appPath = Type.Object({ ns: text("Namespace"), app: text("App; `_` is the null app") });
export const functionPath = Type.Object({ ns: text("Namespace"), app: text("App; `_` is the null app"), fn: text("Function") });
export const revisionPath = Type.Object({ ...functionPath.properties, revision: Type.Integer({ minimum: 1 }) });
export const routePath = Type.Object({ ns: text("Namespace"), app: text("App"), route: text("Route") });
export const triggerPath = Type.Object({ ns: text("Namespace"), trigger: text("Trigger") });
export const activationPath = Type.Object({ ns: text("Namespace"), id: text("Activation: ULID, 32 hex digits or UUID") });

const paging = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.listPage.max, default: limits.listPage.default, description: "Items of a page" }),
  ),
  cursor: Type.Optional(text("`nextCursor` of the page before")),
};
export const pageQuery = Type.Object(paging, closed);
export const noQuery = Type.Object({}, closed);

export const conditions = Type.Object({
  "if-match": Type.Optional(text("Revision that must be the stored one, else 409")),
  "if-none-match": Type.Optional(text("`*`: only create, 409 when it exists")),
});

export function listOf(item: TSchema): TSchema {
  return Type.Object({ items: Type.Array(item), nextCursor: nullable(Type.String(), "Null on the last page") });
}

export const errorAnswer = Type.Object({
  code: text("One of a closed list, for programs"),
  message: text("What, where, why and the fix, for people"),
  details: Type.Record(Type.String(), Type.Unknown()),
  requestId: nullable(Type.String(), "As in X-Request-Id"),
});

const egressList = Type.Array(Type.String(), { maxItems: limits.egressEntriesMax });
const namespaceEgress = nullable(
  Type.Union([Type.Enum(["none", "internet"]), egressList]),
  "What functions connect to whose egress is `namespace`; null: internet, and this API for code that is given a key to it",
);

export const namespaceAnswer = Type.Object({ id: Type.String(), name: Type.String(), egress: namespaceEgress, createdAt: time });

export const namespaceEgressBody = Type.Object({ egress: namespaceEgress }, closed);

export const keyPath = Type.Object({ ns: text("Namespace"), id: text("Key") });

export const namespaceBody = Type.Object({ name: text("Letters, digits, _ . - @") }, closed);

const secret = text("`<key id>:<secret>`, shown this once");
export const madeNamespaceAnswer = Type.Object({ ...namespaceAnswer.properties, auth: secret });

export const keyAnswer = Type.Object({ id: Type.String(), createdAt: time });
export const madeKeyAnswer = Type.Object({ ...keyAnswer.properties, auth: secret });
export const signingAnswer = Type.Object({
  accessKeyId: Type.String(),
  secretAccessKey: Type.String(),
  region: Type.String({ description: "What requests have to be signed for" }),
});

const count = Type.Integer({ minimum: 0, maximum: 1_000_000_000 });
const givenCount = (about: string) => Type.Optional(nullable(count, about));
export const namespaceLimitsBody = Type.Object(
  {
    calls: givenCount("Calls on their way; null: as for all"),
    callsPerMinute: givenCount("Calls that begin within a minute; null: as for all"),
    firesPerMinute: givenCount("Events that are fired within a minute; null: as for all"),
  },
  closed,
);

export const namespaceLimitsAnswer = Type.Object({
  calls: Type.Integer({ description: "Calls on their way" }),
  callsPerMinute: Type.Integer({ description: "Calls that begin within a minute" }),
  firesPerMinute: Type.Integer({ description: "Events that are fired within a minute" }),
  waiting: Type.Integer({ description: "Of those, that wait for a sandbox" }),
  queued: Type.Integer({ description: "Asynchronous calls that wait" }),
});

export const kindAnswer = Type.Object({
  name: text("`name:version`"),
  aliases: Type.Array(Type.String()),
  default: Type.Boolean({ description: "`name:default` means this one" }),
  protocols: Type.Array(protocol),
  description: Type.String(),
});

export const appBody = Type.Object(
  {
    config: Type.Optional(config),
    annotations: Type.Optional(annotations),
    syslogUrl: Type.Optional(nullable(Type.String(), "Where its output is sent")),
  },
  closed,
);

export const appAnswer = Type.Object({
  id: Type.String(),
  namespace: Type.String(),
  name: Type.String(),
  config,
  annotations,
  syslogUrl: nullable(Type.String(), "Where its output is sent"),
  published: Type.Optional(Type.Boolean({ description: "Every namespace may call its functions" })),
  binding: Type.Optional(
    Type.Object(
      { namespace: Type.String(), name: Type.String() },
      { description: "The app that it stands for: it has no functions of its own" },
    ),
  ),
  revision: Type.Integer(),
  createdAt: time,
  updatedAt: time,
});

const isolation = Type.Enum(["shared", "fresh"], {
  description: "`fresh`: each call gets a sandbox of its own (Default: shared)",
});

const keepAlive = Type.Enum([...keepAliveNames], {
  description:
    "When other sandboxes without calls end: `fixed`, after idleTimeoutMs; `learned`, by when calls came so far (Default: fixed)",
});

const install = Type.Enum([...installModes], {
  description:
    "Packages that the code names (package.json, requirements.txt) and does not bring: `auto` installs them, `scripts` lets them run scripts meanwhile, `none` leaves it (Default: auto)",
});

const logBounds = { minimum: limits.functionLogBytesMax.min, maximum: limits.functionLogBytesMax.max };
const ofLog = "Bytes of what a call prints that are kept, within what the server keeps of any; null: that";

const settings = {
  install: Type.Optional(install),
  memoryMiB: Type.Optional(whole(limits.memoryMiB, "Memory of a sandbox")),
  timeoutMs: Type.Optional(whole(limits.timeoutMs, "How long a call may take")),
  idleTimeoutMs: Type.Optional(whole(limits.idleTimeoutMs, "How long a sandbox without a call is kept")),
  concurrency: Type.Optional(whole(limits.concurrency, "Calls that one sandbox runs at a time")),
  sandboxesMax: Type.Optional(whole(limits.sandboxesMax, "Sandboxes that may exist at once")),
  logBytesMax: Type.Optional(nullable(Type.Integer(logBounds), ofLog)),
  isolation: Type.Optional(isolation),
  sandboxAgeMsMax: Type.Optional(whole(limits.sandboxAgeMsMax, "Age at which a sandbox gets no new calls")),
  provisioned: Type.Optional(
    whole(limits.provisioned, "Sandboxes that are kept ready, so that as many calls at once start none"),
  ),
  keepAlive: Type.Optional(keepAlive),
};

const egress = Type.Union([Type.Enum([byNamespace, "none", "internet"]), egressList], {
  description:
    "What the code may connect to: what its namespace says, none, internet (not this machine, private networks or the platform), or a list of HOST:PORT, where platform is this API and internet what it is alone (Default: namespace)",
});

const destination = (outcome: string) =>
  nullable(Type.String(), `Called with the outcome of ${outcome}: APP/FUNCTION, or _/FUNCTION without an app`);

const delivery = Type.Object(
  {
    attemptsMax: whole(limits.delivery.attemptsMax, "Runs of one call, the first included"),
    backoffMs: whole(limits.delivery.backoffMs, "Before the second attempt; doubled for each further one, with jitter"),
    ageMsMax: whole(limits.delivery.ageMsMax, "A call that is older is not run any more"),
    onSuccess: destination("a call that succeeded"),
    onFailure: destination("a call that was given up"),
    deadLetter: Type.Optional(
      nullable(Type.String(), "Called with what a call that was given up was sent, as onFailure is named"),
    ),
  },
  { ...closed, description: "What becomes of asynchronous calls" },
);

const share = Type.Object(
  {
    revision: Type.Integer({ minimum: 1 }),
    weight: Type.Integer({ minimum: 1, maximum: limits.traffic.weightMax, description: "In proportion to the sum of all" }),
  },
  closed,
);

export const trafficBody = Type.Object({ traffic: Type.Array(share, { description: "Empty: the newest gets all" }) }, closed);

export const functionBody = Type.Object(
  {
    kind: Type.Optional(text("Language runtime, such as `nodejs:24`; `name:default` and aliases resolve")),
    handler: Type.Optional(
      nullable(Type.String(), "`file.export`, for Java `package.Class::method`; null: the kind's own choice"),
    ),
    command: Type.Optional(
      nullable(Type.Array(Type.String(), { minItems: 1 }), "Program and arguments instead of the kind's own; null: the kind's"),
    ),
    image: Type.Optional(Type.String({ minLength: 1, description: "A container image instead of code" })),
    protocol: Type.Optional(nullable(protocol, "How the platform speaks to the code; null: the default of the kind")),
    convention: Type.Optional(convention),
    code: Type.Optional(text("An archive, or one file when `fileName` is given, in base64")),
    fileName: Type.Optional(text("What the one file in `code` is called")),
    codeDigest: Type.Optional(
      Type.String({ pattern: "^[0-9a-f]{64}$", description: "Code that another function of this namespace has" }),
    ),
    ...settings,
    egress: Type.Optional(egress),
    delivery: Type.Optional(Type.Partial(delivery)),
    traffic: Type.Optional(
      Type.Enum(["newest", "keep"], {
        description: "Who gets the calls after this change: the new revision, or those that get them now (Default: newest)",
      }),
    ),
    config: Type.Optional(config),
    parameters: Type.Optional(parameters),
    annotations: Type.Optional(annotations),
  },
  closed,
);

export const functionAnswer = Type.Object({
  id: Type.String(),
  namespace: Type.String(),
  app: nullable(Type.String(), "Null in the null app"),
  name: Type.String(),
  kind: nullable(Type.String(), "Null for an image"),
  handler: nullable(Type.String(), "`file.export`"),
  command: nullable(Type.Array(Type.String()), "Program and arguments"),
  image: nullable(Type.String(), "Null for code"),
  components: nullable(
    Type.Array(Type.String()),
    "Of a sequence: `/namespace/[app/]function`, in the order in which they are called",
  ),
  codeDigest: nullable(Type.String(), "SHA-256 that names the code; null for an image"),
  convention,
  install,
  dependencies: nullable(Type.String(), "Names the packages that were installed for it; null: none"),
  protocol,
  memoryMiB: Type.Integer(),
  timeoutMs: Type.Integer(),
  idleTimeoutMs: Type.Integer(),
  concurrency: Type.Integer(),
  sandboxesMax: Type.Integer(),
  logBytesMax: nullable(Type.Integer(), ofLog),
  isolation,
  sandboxAgeMsMax: Type.Integer(),
  provisioned: Type.Integer(),
  keepAlive,
  egress,
  delivery,
  traffic: Type.Array(share, { description: "Revisions that share the calls; empty: the newest gets all" }),
  config,
  parameters,
  annotations,
  revision: Type.Integer(),
  createdAt: time,
  updatedAt: time,
  invokePath: text("POST here to call it"),
});

export const sandboxesAnswer = Type.Object({
  starting: Type.Integer(),
  busy: Type.Integer({ description: "At least one call runs" }),
  idle: Type.Integer(),
  frozen: Type.Integer({ description: "Idle, and nothing in it runs" }),
  provisioned: Type.Object(
    { wanted: Type.Integer(), ready: Type.Integer({ description: "Of those that are wanted, busy ones included" }) },
    { description: "Those that are kept ready" },
  ),
});

export const codeQuery = Type.Object(
  {
    file: Type.Optional(Type.String({ minLength: 1, description: "The body is one file of this name, not an archive" })),
    kind: Type.Optional(text("Needed when the function does not exist yet")),
    handler: Type.Optional(text("`file.export`")),
    protocol: Type.Optional(protocol),
    ...settings,
  },
  closed,
);

export const routeBody = Type.Object(
  {
    function: Type.Optional(text("Name of a function of the same app")),
    source: Type.Optional(
      Type.String({ pattern: "^/", maxLength: limits.nameBytesMax, description: "Path below `/t/{app}`, with its slash" }),
    ),
    annotations: Type.Optional(annotations),
  },
  closed,
);

export const routeAnswer = Type.Object({
  id: Type.String(),
  namespace: Type.String(),
  app: Type.String(),
  name: Type.String(),
  function: Type.String(),
  source: Type.String(),
  annotations,
  revision: Type.Integer(),
  createdAt: time,
  updatedAt: time,
});

export const activationQuery = Type.Object(
  {
    ...paging,
    function: Type.Optional(text("Id of a function; its name when `app` is given")),
    app: Type.Optional(text("App of `function`; `_` is the null app")),
    status: Type.Optional(Type.Enum([...activationStatuses])),
    from: Type.Optional(text("Earliest start: RFC 3339, or milliseconds since the epoch")),
    to: Type.Optional(text("Latest start, inclusive")),
  },
  closed,
);

export const activationAnswer = Type.Object({
  id: text("ULID"),
  namespace: Type.String(),
  appId: nullable(Type.String(), "Null in the null app"),
  functionId: Type.String(),
  function: text("The function's name at that time"),
  revision: Type.Integer(),
  routeId: nullable(Type.String(), "The route it came through"),
  status: Type.Enum([...activationStatuses, "queued", "running"], { description: "The last two: it is not over" }),
  start: Type.Enum([...startTypes]),
  attempt: Type.Integer(),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String() }), "Null on success"),
  startedAt: time,
  endedAt: nullable(time, "Null until it is over"),
  waitMs: Type.Number(),
  createMs: Type.Number(),
  initMs: Type.Number(),
  runMs: Type.Number(),
  requestBytes: Type.Integer(),
  responseBytes: Type.Integer(),
  billedUnits: Type.Integer({ description: "Begun units of 100 ms of `initMs + runMs`" }),
  traceId: text("Of the W3C trace that the call belongs to, 32 hex digits; its span is the end of `id` in hex"),
  cause: nullable(Type.String(), "The activation that made this call, as that of a sequence makes its steps'"),
  provider: Type.Optional(Type.String({ description: "The namespace of the function, where that is another one" })),
  binding: Type.Optional(Type.String({ description: "The app through which it was called, where that is a binding" })),
  activated: Type.Optional(Type.Enum(["trigger"], { description: "A trigger was fired; absent: a function was called" })),
});

export const logAnswer = Type.Object({
  items: Type.Array(Type.Object({ at: time, stream: Type.Enum(["stdout", "stderr", "platform"]), text: Type.String() })),
});

export const healthAnswer = Type.Object({ status: Type.Literal("ok"), version: Type.String() });

export const invokeQuery = Type.Object(
  {
    revision: Type.Optional(Type.Integer({ minimum: 1, description: "This revision, whatever the function's traffic says" })),
    wait: Type.Optional(
      Type.Enum(["result", "none"], {
        description: "`result`: the function's answer; `none`: 202 as soon as the call can't be lost",
      }),
    ),
  },
  closed,
);
