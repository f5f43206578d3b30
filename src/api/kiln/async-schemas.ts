/** The shapes of results of asynchronous calls and of dead letters. */
import Type, { type TSchema } from "typebox";
import { pageQuery } from "./schemas.ts";

const closed = { additionalProperties: false } as const;
const text = (description: string) => Type.String({ description });
const time = Type.String({ format: "date-time", description: "RFC 3339, UTC, milliseconds" });
const nullable = <T extends TSchema>(schema: T, description: string) => Type.Union([schema, Type.Null()], { description });

const payload = {
  contentType: nullable(Type.String(), "As it was sent"),
  encoding: Type.Enum(["utf8", "base64"], { description: "Of `body`" }),
  body: Type.String(),
  bytes: Type.Integer({ description: "Of the whole" }),
  truncated: Type.Boolean({ description: "`body` is only the beginning" }),
};

export const resultAnswer = Type.Object({ status: Type.Integer({ description: "HTTP status of the answer" }), ...payload });

const failure = Type.Object({ attempt: Type.Integer(), at: time, code: Type.String(), message: Type.String() });

const deadLetter = {
  id: text("Activation that was given up"),
  namespace: Type.String(),
  appId: nullable(Type.String(), "Null in the null app"),
  functionId: Type.String(),
  function: text("The function's name at that time"),
  contentType: nullable(Type.String(), "Of what it was sent"),
  bytes: Type.Integer({ description: "Of what it was sent" }),
  attempts: Type.Integer(),
  startedAt: time,
  diedAt: time,
};
export const deadLetterAnswer = Type.Object({ ...deadLetter, failures: Type.Array(failure, { description: "The last ones" }) });
export const deadLetterInspection = Type.Object({
  ...deadLetter,
  failures: Type.Array(failure, { description: "The last ones" }),
  request: Type.Object(payload),
});
export const deadLetterQuery = Type.Object(
  {
    ...pageQuery.properties,
    function: Type.Optional(text("Id of a function; its name when `app` is given")),
    app: Type.Optional(text("App of `function`; `_` is the null app")),
  },
  closed,
);
export const redriveQuery = Type.Object(
  {
    function: text("Id of a function; its name when `app` is given"),
    app: Type.Optional(text("App of `function`; `_` is the null app")),
  },
  closed,
);
export const redriveAnswer = Type.Object({ activationId: text("The new activation") });
export const redriveAllAnswer = Type.Object({
  redriven: Type.Integer({ description: "How many dead letters were accepted anew" }),
});
