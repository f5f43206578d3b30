/** The shapes of schedules. */
import Type, { type TSchema } from "typebox";
import { everyMsMin } from "../../events/alarms/timing.ts";

const closed = { additionalProperties: false } as const;
const text = (description: string) => Type.String({ description });
const time = (description: string) => Type.String({ description: `${description}; RFC 3339` });
const nullable = <T extends TSchema>(schema: T, description: string) => Type.Union([schema, Type.Null()], { description });

const timing = Type.Union(
  [
    Type.Object(
      {
        cron: text("Minute, hour, day of the month, month and day of the week; or a second before them"),
        timeZone: Type.Optional(text("Of IANA's, such as Europe/Berlin (Default: UTC)")),
      },
      closed,
    ),
    Type.Object({ everyMs: Type.Integer({ minimum: everyMsMin, description: "From `startsAt` on" }) }, closed),
    Type.Object({ at: time("Once") }, closed),
  ],
  { description: "When" },
);

const missed = Type.Enum(["once", "skip"], {
  description: "Of what was missed while no server ran one fire is made up for, or none (Default: once)",
});
const afterwards = Type.Enum(["nothing", "trigger", "trigger and rules"], {
  description: "What is removed when it is over (Default: nothing)",
});
const bounds = {
  startsAt: Type.Optional(nullable(time("No fire before"), "No fire before")),
  endsAt: Type.Optional(nullable(time("No fire after"), "No fire after")),
  firesMax: Type.Optional(nullable(Type.Integer({ minimum: 1 }), "It is over after so many")),
};

export const scheduleBody = Type.Object(
  {
    timing,
    ...bounds,
    missed: Type.Optional(missed),
    afterwards: Type.Optional(afterwards),
    payload: Type.Optional(Type.Unknown({ description: "The event (Default: {})" })),
    note: Type.Optional(Type.Unknown({ description: "Anything; it is given back" })),
  },
  closed,
);

export const scheduleAnswer = Type.Object({
  trigger: Type.String(),
  timing,
  ...bounds,
  missed,
  afterwards,
  payload: Type.Unknown(),
  note: Type.Unknown(),
  nextAt: nullable(time("The next fire"), "The next fire; null: it is over"),
  fired: Type.Integer({ description: "Fires so far" }),
  createdAt: time("Set"),
});
