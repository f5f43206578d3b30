/** What a function that is written for Lambda finds in its environment, and is told of itself. Source: the Lambda developer guide, "Using environment variables". */
import { idToHex } from "../../model/id.ts";
import type { Fn } from "../../model/model.ts";

/** Where functions are said to be. */
export interface LambdaPlace {
  /** Twelve digits. */
  readonly account: string;
  readonly region: string;
}

/** Where nobody has said. */
export const lambdaPlaceDefaults: LambdaPlace = { account: "000000000000", region: "us-east-1" };

/** Where the code of a function is, as it sees it. */
export const taskFolder = "/var/task";

/** Of a function that no version of it was named of. */
const newestVersion = "$LATEST";

/** What is asked of a function here. */
type NamedFn = Pick<Fn, "name" | "memoryMiB" | "version">;

/** What Lambda's clients call a function: APP.NAME, or NAME of one that is in no app. */
export function lambdaName({ name }: Pick<Fn, "name">, app: string | null): string {
  return app === null ? name : `${app}.${name}`;
}

/** Which version of a function it is, as its code reads it. */
export function lambdaVersion({ version }: Pick<Fn, "version">): string {
  return version === undefined ? newestVersion : String(version);
}

/** The ARN of a function that was named without a qualifier. */
export function lambdaArn({ account, region }: LambdaPlace, functionName: string): string {
  return `arn:aws:lambda:${region}:${account}:function:${functionName}`;
}

/** Of a sandbox that starts now. */
export interface LambdaStart {
  /** Of the app that the function is in; null: of none. */
  readonly app: string | null;
  /** As the code is to see it; null: the function names none. */
  readonly handler: string | null;
  /** Kind of the function; null: it is a container image, which brings its own of what a kind gives. */
  readonly kind: string | null;
  readonly place: LambdaPlace;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** An id of its own, which names its stream of logs. */
  readonly id: string;
}

/** The variables that the platform sets, which those of the function's owner never replace. */
export function lambdaVariables(fn: NamedFn, start: LambdaStart): Record<string, string> {
  const { app, handler, kind, place, now, id } = start;
  const name = lambdaName(fn, app);
  const version = lambdaVersion(fn);
  const day = new Date(now).toISOString().slice(0, 10).replaceAll("-", "/");
  return {
    ...(handler === null ? {} : { _HANDLER: handler }),
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memoryMiB),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `${day}/[${version}]${idToHex(id)}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_REGION: place.region,
    AWS_DEFAULT_REGION: place.region,
    ...(kind === null || isBare(kind) ? {} : { AWS_EXECUTION_ENV: executionName(kind) }),
    LAMBDA_TASK_ROOT: taskFolder,
    LAMBDA_RUNTIME_DIR: "/var/runtime",
  };
}

/** What its owner may set otherwise. Only for code: an image has its own. */
export const lambdaDefaults: Readonly<Record<string, string>> = {
  TZ: ":UTC",
  LANG: "en_US.UTF-8",
  LD_LIBRARY_PATH: `/var/runtime:/var/runtime/lib:${taskFolder}:${taskFolder}/lib:/opt/lib`,
};

/** `nodejs:24` as `AWS_Lambda_nodejs24.x`, `python:3.11` as `AWS_Lambda_python3.11`. */
function executionName(kind: string): string {
  const [family = "", version = ""] = kind.split(":");
  return `AWS_Lambda_${family}${version}${family === "nodejs" ? ".x" : ""}`;
}

/** Lambda names no environment to programs that bring their runtime. */
export const isBare = (kind: string) => ["native", "go", "rust", "provided"].includes(kind.split(":")[0] ?? "");

/** `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1` of a W3C `traceparent`. */
export function lambdaTraceId(traceparent: string): string {
  const [, trace = "", parent = "", flags = ""] = traceparent.split("-");
  return `Root=1-${trace.slice(0, 8)}-${trace.slice(8)};Parent=${parent};Sampled=${flags === "01" ? 1 : 0}`;
}
