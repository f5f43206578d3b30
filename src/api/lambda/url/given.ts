/** What a body says of a URL. Everything throws `Refusal`. */
import type { CorsRules, FnUrl } from "../../../model/fn-url.ts";
import { invalidParameter, violates } from "../errors.ts";
import { type Json, objectIn, textIn, wholeIn } from "../fields.ts";

const corsLimits = {
  origins: { countMax: 100, charactersMax: 253 },
  methods: { countMax: 6, charactersMax: 6 },
  headers: { countMax: 100, charactersMax: 1024 },
  maxAgeS: { min: 0, max: 86_400 },
} as const;

/** Undefined: it says nothing of it. */
export function signedIn(body: Json): boolean | undefined {
  const given = textIn(body, "AuthType");
  if (given === undefined) return undefined;
  if (given !== "NONE" && given !== "AWS_IAM")
    throw violates(given.slice(0, 60), "authType", "Member must satisfy enum value set: [NONE, AWS_IAM]");
  return given === "AWS_IAM";
}

export function streamsIn(body: Json): boolean | undefined {
  const given = textIn(body, "InvokeMode");
  if (given === undefined) return undefined;
  if (given !== "BUFFERED" && given !== "RESPONSE_STREAM")
    throw violates(given.slice(0, 60), "invokeMode", "Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]");
  return given === "RESPONSE_STREAM";
}

/** An empty one is none. */
export function corsIn(body: Json): FnUrl["cors"] | undefined {
  const given = objectIn(body, "Cors");
  if (given === undefined) return undefined;
  const { origins, methods, headers, maxAgeS } = corsLimits;
  const rules = {
    ...member("origins", textsOf(given, "AllowOrigins", origins)),
    ...member("methods", textsOf(given, "AllowMethods", methods)),
    ...member("headers", textsOf(given, "AllowHeaders", headers)),
    ...member("exposed", textsOf(given, "ExposeHeaders", headers)),
    ...member("credentials", flagOf(given, "AllowCredentials")),
    ...member("maxAgeS", wholeIn(given, "MaxAge", maxAgeS)),
  } as CorsRules;
  return Object.keys(rules).length === 0 ? null : rules;
}

function member(name: keyof CorsRules, value: unknown): object {
  return value === undefined ? {} : { [name]: value };
}

function textsOf(
  cors: Json,
  name: string,
  { countMax, charactersMax }: { readonly countMax: number; readonly charactersMax: number },
): readonly string[] | undefined {
  const given = cors[name];
  if (given === undefined || given === null) return undefined;
  const place = `cors.${name.slice(0, 1).toLowerCase()}${name.slice(1)}`;
  if (!Array.isArray(given)) throw invalidParameter(`Cors.${name} must be a list`);
  if (given.length > countMax) throw violates("[...]", place, `Member must have length less than or equal to ${countMax}`);
  for (const each of given) {
    // They become headers of answers.
    if (typeof each !== "string" || each === "" || each.length > charactersMax || !/^[\x21-\x7e]*$/.test(each))
      throw violates(String(each).slice(0, 60), place, `Members must be 1 to ${charactersMax} visible characters`);
  }
  return given;
}

function flagOf(cors: Json, name: string): boolean | undefined {
  const given = cors[name];
  if (given === undefined || given === null) return undefined;
  if (typeof given !== "boolean") throw invalidParameter(`Cors.${name} must be true or false`);
  return given;
}

/** The alias that a request names; null: none. A version has no URL. */
export function aliasIn(qualifier: string | null): string | null {
  if (qualifier !== null && !/^(?!\d+$)[\w-]{1,128}$/.test(qualifier))
    throw violates(
      qualifier.slice(0, 128),
      "qualifier",
      "Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)",
    );
  return qualifier;
}
