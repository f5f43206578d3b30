/** The shapes of logs and of live figures. */
import Type from "typebox";
import { limits } from "../../model/limits.ts";
import { activationStatuses } from "../../model/model.ts";

const closed = { additionalProperties: false } as const;
const text = (description: string) => Type.String({ description });
const time = Type.String({ format: "date-time", description: "RFC 3339, UTC, milliseconds" });
const count = (description: string) => Type.Integer({ minimum: 0, description });
const nullableMs = (description: string) => Type.Union([Type.Number(), Type.Null()], { description });

const lines = {
  follow: Type.Optional(Type.Boolean({ description: "An event stream instead of a list" })),
  activation: Type.Optional(text("Only of this call")),
  status: Type.Optional(
    Type.Enum([...activationStatuses], {
      description: "Only of calls that ended like this; followed, their lines come when they have ended",
    }),
  ),
  since: Type.Optional(text("Earliest time of a line: RFC 3339, or milliseconds since the epoch; oldest first then")),
  text: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description: "Only lines that contain this" })),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.logPage.max,
      default: limits.logPage.default,
      description: "Lines of a page; with `status` a page ends with a whole call",
    }),
  ),
  cursor: Type.Optional(text("`nextCursor` of the page before")),
};

export const functionLogQuery = Type.Object(lines, closed);

export const logQuery = Type.Object(
  {
    ...lines,
    function: Type.Optional(text("Id of a function; its name when `app` is given")),
    app: Type.Optional(text("App; `_` is the null app")),
  },
  closed,
);

export const logLineAnswer = Type.Object({
  at: time,
  stream: Type.Enum(["stdout", "stderr", "platform"]),
  text: Type.String({ description: "As it was printed, control characters included" }),
  functionId: Type.String(),
  function: Type.String({ description: "The function's name at that time" }),
  activationId: Type.String(),
});

export const statsQuery = Type.Object(
  {
    since: Type.Optional(
      text("Begin: RFC 3339, or milliseconds since the epoch; at most five minutes ago, which is the default"),
    ),
    function: Type.Optional(text("Id of a function; its name when `app` is given")),
    app: Type.Optional(text("App of `function`; `_` is the null app")),
  },
  closed,
);

const figures = {
  calls: count("Calls that ended"),
  errors: count("Of them, those that ended neither with success nor because their caller went away"),
  p50Ms: nullableMs("Half of the calls took at most so long, waiting and starting included; within 6 %. Null without calls"),
  p95Ms: nullableMs("95 % of them"),
  p99Ms: nullableMs("99 % of them"),
  starts: Type.Object(
    { hot: count("Hot"), warm: count("Warm"), prewarmed: count("Prewarmed"), cold: count("Cold"), none: count("None") },
    { description: "Calls by start type" },
  ),
};

const sandboxes = Type.Object({
  starting: count("Being made"),
  busy: count("At least one call runs"),
  idle: count("No call runs"),
  frozen: count("Idle and frozen"),
});

export const statsAnswer = Type.Object({
  from: Type.String({ format: "date-time", description: "Begin of the first span" }),
  to: Type.String({ format: "date-time", description: "When the figures were read; the last span goes on" }),
  spanMs: Type.Integer({ description: "Length of a span" }),
  items: Type.Array(
    Type.Object({
      functionId: Type.String(),
      app: Type.String({ description: "`_` is the null app" }),
      function: Type.String(),
      ...figures,
      sandboxes: Type.Union([sandboxes, Type.Null()], { description: "What its sandboxes do now; null where this is not known" }),
      callsPerS: Type.Number({ description: "Over the whole time" }),
      spans: Type.Array(Type.Object({ at: time, ...figures }), { description: "Spans with calls, oldest first" }),
    }),
    { description: "Functions with calls in that time, busiest first; at most 256 of a server are kept" },
  ),
  nextCursor: Type.Null(),
});
