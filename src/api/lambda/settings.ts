/** A function's settings, from the members of a body. */
import type { Fn, ImageStart } from "../../model/model.ts";
import { deadLetterIn } from "./destination.ts";
import { invalidParameter, violates } from "./errors.ts";
import { isAbsent, type Json, objectIn, textIn, textsIn, wholeIn } from "./fields.ts";
import { imageStartIn, withStart } from "./image-config.ts";
import type { LambdaContext } from "./lambda.ts";
import { lambdaLimits } from "./limits.ts";
import { type Logging, loggingIn, withLogging } from "./logging.ts";
import { descriptionOf, metaOf, withDescription, withMeta } from "./meta.ts";
import { type LambdaRuntime, runtimeNamed } from "./runtimes.ts";

/** What a body says; what it leaves out is undefined. */
export interface Settings {
  readonly runtime: (LambdaRuntime & { readonly name: string }) | undefined;
  readonly handler: string | undefined;
  readonly role: string | undefined;
  readonly description: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly memoryMiB: number | undefined;
  readonly environment: Readonly<Record<string, string>> | undefined;
  /** Of an image. */
  readonly start: ImageStart | undefined;
  readonly logging: Logging | undefined;
  /** X-Ray's mode. */
  readonly tracing: string | undefined;
  /** As `Delivery` has it. */
  readonly deadLetter: string | null | undefined;
}

/** Throws `Refusal`, also for what there is not here and would make a difference. */
export function readSettings(body: Json, { images: { kinds }, identity }: Pick<LambdaContext, "images" | "identity">): Settings {
  refuseUnsupported(body);
  const runtime = textIn(body, "Runtime");
  const timeoutS = wholeIn(body, "Timeout", lambdaLimits.timeoutS);
  return {
    runtime: runtime === undefined ? undefined : { ...runtimeNamed(runtime, kinds), name: runtime },
    handler: readHandler(body),
    role: textIn(body, "Role"),
    description: readDescription(body),
    timeoutMs: timeoutS === undefined ? undefined : timeoutS * 1000,
    memoryMiB: wholeIn(body, "MemorySize", lambdaLimits.memoryMiB),
    environment: readEnvironment(body),
    start: imageStartIn(body),
    logging: loggingIn(body),
    tracing: tracingIn(body),
    deadLetter: deadLetterIn(body, identity),
  };
}

export function readDescription(body: Json): string | undefined {
  const text = textIn(body, "Description");
  const { descriptionCharactersMax: max } = lambdaLimits;
  if (text !== undefined && text.length > max)
    throw violates(`${text.slice(0, 60)}…`, "description", `Member must have length less than or equal to ${max}`);
  return text;
}

function tracingIn(body: Json): string | undefined {
  const config = objectIn(body, "TracingConfig");
  const mode = config === undefined ? undefined : textIn(config, "Mode");
  if (mode !== undefined && mode !== "Active" && mode !== "PassThrough")
    throw violates(mode.slice(0, 60), "tracingConfig.mode", "Member must satisfy enum value set: [Active, PassThrough]");
  return mode;
}

function readHandler(body: Json): string | undefined {
  const handler = textIn(body, "Handler");
  if (handler !== undefined && (handler === "" || handler.length > 128 || /\s/.test(handler)))
    throw violates(handler.slice(0, 60), "handler", "Member must satisfy regular expression pattern: [^\\s]+");
  return handler;
}

/** Names that the platform sets. */
const reserved =
  /^(?:_HANDLER|_X_AMZN_TRACE_ID|AWS_(?:DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_(?:FUNCTION_\w+|LOG_\w+|INITIALIZATION_TYPE|RUNTIME_API)|AWS_ACCESS_KEY(?:_ID)?|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR)$/;

function readEnvironment(body: Json): Readonly<Record<string, string>> | undefined {
  const environment = objectIn(body, "Environment");
  if (environment === undefined) return undefined;
  const variables = textsIn(environment, "Variables") ?? {};
  const names = Object.keys(variables);
  const taken = names.filter((name) => reserved.test(name));
  if (taken.length > 0)
    throw invalidParameter(
      `Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: ${taken.join(", ")}`,
    );
  const wrong = names.find((name) => !/^[a-zA-Z][a-zA-Z0-9_]+$/.test(name));
  if (wrong !== undefined)
    throw violates(
      wrong.slice(0, 60),
      "environment.variables",
      "Map keys must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+",
    );
  const { environmentBytesMax: max } = lambdaLimits;
  if (Buffer.byteLength(JSON.stringify(variables)) > max)
    throw invalidParameter(
      `Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the ${max / 1024}KB limit.`,
    );
  return variables;
}

/** Members that change what a function does and that there is nothing for here. */
const unsupported: Readonly<Record<string, (value: unknown) => boolean>> = {
  FileSystemConfigs: (value) => Array.isArray(value) && value.length > 0,
  VpcConfig: (value) => ["SubnetIds", "SecurityGroupIds"].some((name) => listIn(value, name).length > 0),
  CapacityProviderConfig: () => true,
  DurableConfig: () => true,
  TenancyConfig: () => true,
  EphemeralStorage: (value) => ((value as Json)["Size"] ?? lambdaLimits.storageMiB) !== lambdaLimits.storageMiB,
  SnapStart: (value) => (value as Json)["ApplyOn"] === "PublishedVersions",
  Architectures: (value) => Array.isArray(value) && value.some((name) => name !== "x86_64"),
};

function listIn(value: unknown, name: string): readonly unknown[] {
  const found = (value as Json)[name];
  return Array.isArray(found) ? found : [];
}

function refuseUnsupported(body: Json): void {
  for (const [name, matters] of Object.entries(unsupported)) {
    const value = body[name];
    if (!isAbsent(value) && matters(value)) throw invalidParameter(`${name} is not supported by this server`);
  }
}

/** The function with these settings, its code as it was. Throws `Refusal`. */
export function withSettings(fn: Fn, settings: Settings): Fn {
  const { runtime, handler, role, description, timeoutMs, memoryMiB, environment, start, deadLetter } = settings;
  const before = metaOf(fn);
  const { logging = before.logging, tracing = before.tracing } = settings;
  const meta = {
    ...before,
    ...(logging === undefined ? {} : { logging }),
    ...(tracing === undefined ? {} : { tracing }),
    ...(runtime === undefined ? {} : { runtime: runtime.name }),
    ...(role === undefined ? {} : { role }),
  };
  return {
    ...fn,
    ...ran(fn, runtime, handler),
    ...(start === undefined ? {} : { source: withStart(fn, start) }),
    ...(deadLetter === undefined ? {} : { delivery: { ...fn.delivery, deadLetter } }),
    timeoutMs: timeoutMs ?? fn.timeoutMs,
    memoryMiB: memoryMiB ?? fn.memoryMiB,
    config: logging === undefined ? (environment ?? fn.config) : withLogging(environment ?? fn.config, logging),
    annotations: withDescription(withMeta(fn.annotations, meta), description ?? descriptionOf(fn)),
  };
}

function ran(fn: Fn, runtime: Settings["runtime"], handler: string | undefined): Pick<Fn, "source" | "protocol"> {
  const { source, protocol } = fn;
  if (runtime === undefined && handler === undefined) return { source, protocol };
  if (source.type !== "code")
    throw invalidParameter("Runtime and Handler are not supported for functions that are no code in an archive");
  const { convention: before, ...code } = source;
  const convention = runtime === undefined ? before : (runtime.convention ?? undefined);
  return {
    source: {
      ...code,
      kind: runtime?.kind ?? source.kind,
      handler: handler ?? source.handler,
      ...(convention === undefined ? {} : { convention }),
    },
    protocol: runtime?.protocol ?? protocol,
  };
}
