/** `LoggingConfig`: in which form a runtime prints, and how much of it. The group is shown and means nothing here. */
import { invalidParameter, violates } from "./errors.ts";
import { type Json, objectIn, textIn } from "./fields.ts";

/** What a function that says nothing of it has is absent. */
export interface Logging {
  readonly format?: "JSON";
  readonly level?: string;
  readonly systemLevel?: string;
  readonly group?: string;
}

const levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const systemLevels = ["DEBUG", "INFO", "WARN"];

/** Undefined: it says nothing of it. Throws `Refusal`. */
export function loggingIn(body: Json): Logging | undefined {
  const config = objectIn(body, "LoggingConfig");
  if (config === undefined) return undefined;
  const format = chosen(config, "LogFormat", ["JSON", "Text"]);
  const [level, systemLevel] = [chosen(config, "ApplicationLogLevel", levels), chosen(config, "SystemLogLevel", systemLevels)];
  const group = textIn(config, "LogGroup");
  if (group !== undefined && !/^[.\-_/#A-Za-z0-9]{1,512}$/.test(group))
    throw violates(
      group.slice(0, 60),
      "loggingConfig.logGroup",
      "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
    );
  const named = group === undefined ? {} : { group };
  if (format === "JSON") return { format, level: level ?? "INFO", systemLevel: systemLevel ?? "INFO", ...named };
  if (level !== undefined || systemLevel !== undefined)
    throw invalidParameter("ApplicationLogLevel and SystemLogLevel are for LogFormat JSON alone");
  return named;
}

function chosen(config: Json, name: string, offered: readonly string[]): string | undefined {
  const value = textIn(config, name);
  if (value === undefined || offered.includes(value)) return value;
  const member = `loggingConfig.${name.slice(0, 1).toLowerCase()}${name.slice(1)}`;
  throw violates(value.slice(0, 60), member, `Member must satisfy enum value set: [${offered.join(", ")}]`);
}

const variables = { format: "AWS_LAMBDA_LOG_FORMAT", level: "AWS_LAMBDA_LOG_LEVEL" } as const;

type Environment = Readonly<Record<string, string>>;

/** What a runtime is told of it, with the owner's own environment, which can't say it (`settings.ts`). */
export function withLogging(environment: Environment, { format, level }: Logging): Environment {
  const own = withoutLogging(environment);
  return format === undefined
    ? own
    : { ...own, [variables.format]: format, ...(level === undefined ? {} : { [variables.level]: level }) };
}

/** The owner's own. */
export function withoutLogging({ [variables.format]: _format, [variables.level]: _level, ...own }: Environment): Environment {
  return own;
}

/** `name`: of the function. */
export function renderLogging({ format, level, systemLevel, group }: Logging, name: string): object {
  const levelsShown = format === undefined ? {} : { ApplicationLogLevel: level, SystemLogLevel: systemLevel };
  return { LoggingConfig: { LogFormat: format ?? "Text", ...levelsShown, LogGroup: group ?? `/aws/lambda/${name}` } };
}
