/** A function of a Serverless Framework file, with what its provider says for all. */
import type { Path } from "../project/yaml-file.ts";
import { contentAt } from "./content.ts";
import { layersOf } from "./layer.ts";
import { Property } from "./property.ts";
import { functionName, type Placed, type ServerlessReading } from "./serverless-reading.ts";
import { patternsOf } from "./serverless-package.ts";
import { serverlessEventsOf } from "./serverless-events.ts";
import { remarkOnArm } from "./template-function.ts";
import type { EventSettings, UrlSettings, WantedCode, WantedFunction } from "./wanted.ts";

/** The function's own value of a key, or the provider's. */
export type Setting = (key: string, providerKey?: string) => Property;

/** Undefined: not even its name is known, which is remarked. */
export function readServerlessFunction(reading: ServerlessReading, key: string, placed: Placed): WantedFunction | undefined {
  const { remarks, resources } = reading;
  const name = functionName(reading, key, placed);
  if (!remarks.isKnown(name, null, [...placed.path, "name"], `The function ${key} is left out, as its name is not known`))
    return undefined;
  const property = (value: unknown, path: Path) => new Property(resources.intrinsics.value(value), path, name, remarks);
  const own = (each: string) => property(placed.value[each], [...placed.path, each]);
  const setting: Setting = (each, ofProvider = each) =>
    Object.hasOwn(placed.value, each) ? own(each) : property(reading.provider[ofProvider], ["provider", ofProvider]);
  const code = own("image").isThere ? imageOf(own("image"), reading.provider) : codeOf(reading, own("package"), name, property);
  const isImage = own("image").isThere;
  remarkOnRest(setting, own);
  const events = serverlessEventsOf(reading, key, name, own("events"));
  const provisioned = own("provisionedConcurrency").whole();
  return {
    name,
    place: remarks.placeOf(placed.path, "key"),
    code,
    settings: {
      Runtime: isImage ? undefined : (setting("runtime").text() ?? lacking(own("runtime"))),
      Handler: isImage ? undefined : (own("handler").text() ?? lacking(own("handler"))),
      Description: own("description").text() ?? "",
      Timeout: setting("timeout").whole() ?? 6,
      MemorySize: setting("memorySize").whole() ?? 1024,
      Environment: {
        ...property(reading.provider["environment"], ["provider", "environment"]).texts(),
        ...own("environment").texts(),
      },
      ...(isImage ? { ImageConfig: imageConfigOf(own("image")) } : {}),
    },
    layers: layersOf(setting("layers")),
    tags: { ...property(reading.provider["tags"], ["provider", "tags"]).texts(), ...own("tags").texts() },
    reserved: own("reservedConcurrency").whole() ?? null,
    alias: provisioned === undefined ? null : { name: "provisioned", provisioned },
    events: eventSettings(reading, own),
    url: urlOf(own("url")) ?? events.url,
    schedules: events.schedules,
  };
}

function lacking(property: Property): undefined {
  if (!property.isThere) property.missing(`${String(property.path.at(-1))} is missing`, "say it in the file");
}

function codeOf(
  reading: ServerlessReading,
  own: Property,
  name: string,
  property: (value: unknown, path: Path) => Property,
): WantedCode | null {
  const { package: whole, folder, root, remarks } = reading;
  const artifact = own.at("artifact").isThere ? own.at("artifact") : property(whole["artifact"], ["package", "artifact"]);
  if (artifact.isThere) return contentAt(reading, artifact);
  return {
    type: "folder",
    path: folder,
    root,
    patterns: patternsOf(reading, own, name),
    place: remarks.placeOf(own.path.slice(0, -1), "key"),
  };
}

/** An image by its address, or by the name that the provider gives one. */
function imageOf(image: Property, provider: ServerlessReading["provider"]): WantedCode | null {
  const said = typeof image.value === "object" ? (image.at("uri").isThere ? image.at("uri") : image.at("name")) : image;
  const text = said.text();
  if (text === undefined) return null;
  const images = (provider["ecr"] as { images?: Record<string, unknown> } | undefined)?.images ?? {};
  if (!Object.hasOwn(images, text)) return { type: "image", uri: text };
  const found = images[text];
  const uri = typeof found === "string" ? found : (found as { uri?: unknown }).uri;
  if (typeof uri === "string") return { type: "image", uri };
  image.missing(
    `the image ${text} is built from a Dockerfile, which this does not do`,
    "build the image, push it, and name it by its address",
  );
  return null;
}

function imageConfigOf(image: Property): Record<string, unknown> | undefined {
  if (typeof image.value !== "object") return undefined;
  const [Command, EntryPoint, WorkingDirectory] = ["command", "entryPoint", "workingDirectory"].map((key) =>
    image.at(key).plain<unknown>(),
  );
  const config = { Command, EntryPoint, WorkingDirectory };
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function eventSettings(reading: ServerlessReading, own: (key: string) => Property): EventSettings | null {
  const { resources, functions } = reading;
  if (own("onError").isThere)
    own("onError").missing("a dead letter queue is not here", "name a function as destinations.onFailure");
  const destination = (key: string) => {
    const said = own("destinations").at(key);
    if (!said.isThere) return undefined;
    const text = typeof said.value === "object" ? said.at("arn").text() : said.text();
    if (text === undefined) return undefined;
    const other = functions.get(text);
    const name = other === undefined ? undefined : functionName(reading, text, other);
    if (typeof name === "string") return resources.arnOf(name);
    if (text.includes(":lambda:")) return text;
    said.missing(`the destination ${text} is no function`, "destinations here are functions");
    return undefined;
  };
  const settings = {
    MaximumRetryAttempts: own("maximumRetryAttempts").whole(),
    MaximumEventAgeInSeconds: own("maximumEventAge").whole(),
    OnSuccess: destination("onSuccess"),
    OnFailure: destination("onFailure"),
  };
  return Object.values(settings).every((value) => value === undefined) ? null : settings;
}

function urlOf(url: Property): UrlSettings | null {
  if (!url.isThere || url.value === false) return null;
  const place = url.placed();
  if (typeof url.value !== "object") return { AuthType: "NONE", InvokeMode: "BUFFERED", Cors: null, place };
  const authorizer = url.at("authorizer").text();
  return {
    AuthType: authorizer === "aws_iam" ? "AWS_IAM" : "NONE",
    InvokeMode: url.at("invokeMode").text() ?? "BUFFERED",
    Cors: corsOf(url.at("cors")),
    place,
  };
}

/** `true` is what the Serverless Framework makes of it. */
function corsOf(cors: Property): UrlSettings["Cors"] {
  if (!cors.isThere || cors.value === false) return null;
  if (cors.value === true)
    return {
      AllowOrigins: ["*"],
      AllowHeaders: ["Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key", "X-Amz-Security-Token", "X-Amzn-Trace-Id"],
      AllowMethods: ["*"],
    };
  const given = Object.entries(corsMembers).flatMap(([key, member]) => {
    const value = cors.at(key).plain<unknown>();
    return value === undefined ? [] : [[member, value] as const];
  });
  return Object.fromEntries(given);
}

const corsMembers: Readonly<Record<string, string>> = {
  allowedOrigins: "AllowOrigins",
  allowedHeaders: "AllowHeaders",
  allowedMethods: "AllowMethods",
  allowCredentials: "AllowCredentials",
  exposedResponseHeaders: "ExposeHeaders",
  maxAge: "MaxAge",
};

/** What there is nothing for here: what would be missed keeps a function back, the rest is told. */
function remarkOnRest(setting: Setting, own: (key: string) => Property): void {
  if (setting("vpc").isThere && setting("vpc").value !== null)
    setting("vpc").missing("a VPC is not here", "say what the function connects to with polykiln fn update --egress");
  if (own("fileSystemConfig").isThere)
    own("fileSystemConfig").missing("file systems (EFS) are not here", "take fileSystemConfig out");
  if (own("snapStart").value === true)
    own("snapStart").missing("SnapStart is not here", "take it out: sandboxes are kept ready with provisionedConcurrency");
  if (own("role").isThere) own("role").different("roles mean nothing here: the code has no credentials of AWS");
  if ((own("ephemeralStorageSize").whole() ?? 0) > 512)
    own("ephemeralStorageSize").different("/tmp has the size that the server gives all functions");
  if (setting("architecture").value === "arm64") remarkOnArm(setting("architecture"), setting("runtime").text());
}
