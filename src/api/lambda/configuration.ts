/** A function as clients read it: `FunctionConfiguration`. */
import { createHash } from "node:crypto";
import type { App, Fn } from "../../model/model.ts";
import { lambdaLimits } from "./limits.ts";
import { renderLogging, withoutLogging } from "./logging.ts";
import { descriptionOf, metaOf } from "./meta.ts";
import { destinationArn } from "./destination.ts";
import { renderStart } from "./image-config.ts";
import type { LambdaContext } from "./lambda.ts";
import { renderLayers } from "./layer/shown.ts";
import { arnOf, type Identity, latest, shownName } from "./names.ts";
import { runtimeShown } from "./runtimes.ts";
import { stateOf } from "./state.ts";

/** A function, with the app that it is in, as one of its versions or (null) as it is. */
export interface Shown {
  readonly fn: Fn;
  readonly app: Pick<App, "name"> | null;
  readonly version: { readonly version: number; readonly description: string } | null;
  /** Also of the newest the ARN says which it is. */
  readonly qualified?: boolean;
}

export function renderConfiguration(
  { identity, readying }: Pick<LambdaContext, "identity" | "readying">,
  { fn, app, version, qualified = false }: Shown,
): object {
  const name = shownName(app?.name ?? null, fn.name);
  const number = version === null ? latest : String(version.version);
  const { role, codeBytes = 0, architecture = "x86_64", logging, tracing = "PassThrough" } = metaOf(fn);
  const environment = logging === undefined ? fn.config : withoutLogging(fn.config);
  const { source } = fn;
  const isImage = source.type === "image" && source.digest === undefined;
  return {
    FunctionName: name,
    FunctionArn: arnOf(identity, name, version === null && !qualified ? null : number),
    ...(isImage ? {} : { Runtime: metaOf(fn).runtime ?? runtimeShown(fn), Handler: handlerShown(fn) }),
    Role: role ?? `arn:aws:iam::${identity.account}:role/none`,
    CodeSize: codeBytes,
    Description: version === null || version.description === "" ? descriptionOf(fn) : version.description,
    Timeout: Math.ceil(fn.timeoutMs / 1000),
    MemorySize: fn.memoryMiB,
    LastModified: new Date(fn.updatedAt).toISOString().replace("Z", "+0000"),
    CodeSha256: codeHash(fn),
    Version: number,
    ...(Object.keys(environment).length === 0 ? {} : { Environment: { Variables: environment } }),
    ...renderLayers(identity, fn),
    TracingConfig: { Mode: tracing },
    RevisionId: revisionIdOf(fn),
    ...stateOf(readying.of(fn)),
    ...renderStart(fn),
    ...deadLetterOf(fn, identity),
    PackageType: isImage ? "Image" : "Zip",
    Architectures: [architecture],
    EphemeralStorage: { Size: lambdaLimits.storageMiB },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    ...renderLogging(logging ?? {}, name),
  };
}

function deadLetterOf({ delivery: { deadLetter = null } }: Fn, identity: Identity): object {
  return deadLetter === null ? {} : { DeadLetterConfig: { TargetArn: destinationArn(deadLetter, identity) } };
}

function handlerShown({ source }: Fn): string | undefined {
  if (source.type === "code") return source.handler ?? "index.handler";
  return source.type === "executable" ? source.command[0] : undefined;
}

/** Base64 of the SHA-256 of the archive, which is also what its digest is made of. */
function codeHash({ source }: Fn): string {
  const digest = source.type === "sequence" ? undefined : source.digest;
  return digest === undefined ? "" : Buffer.from(digest, "hex").toString("base64");
}

/** A UUID that stands for what the function is now, so that whoever changes it can say what it was. */
export function revisionIdOf({ id, revision }: Pick<Fn, "id" | "revision">): string {
  return uuidFor(`${id} ${revision}`);
}

/** The same text always has the same one. */
export function uuidFor(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
