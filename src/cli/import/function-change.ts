/** What would change of a function, and the requests that change it. */
import { isDeepStrictEqual } from "node:util";
import { exits, Failure } from "../failure.ts";
import type { Change } from "../project/deployment.ts";
import type { Packed } from "./code.ts";
import { type Body, functionPath, type LambdaDoor } from "./lambda-door.ts";
import { type Around, stackTag } from "./around.ts";
import type { EventSettings, WantedFunction } from "./wanted.ts";

/** What the server has of a function. */
interface Stored {
  readonly configuration: Body;
  readonly image: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly reserved: number | null;
  readonly events: Body | null;
}

export async function functionChange(around: Around, fn: WantedFunction): Promise<Change> {
  const { door } = around;
  const packed = around.code.get(fn.name);
  if (packed === undefined) throw new TypeError(`${fn.name} has no code`);
  const stored = await storedOf(door, fn.name);
  checkOwner(around, fn, stored);
  const fields = stored === null ? [] : differences(around, fn, packed, stored);
  return {
    verb: stored === null ? "create" : fields.length > 0 ? "update" : "keep",
    noun: "function",
    name: fn.name,
    fields,
    notice: stored === null || fields.includes("code") ? `deploying ${fn.name}` : undefined,
    apply: () => (stored === null ? create(around, fn, packed) : update(around, fn, packed, stored, fields)),
  };
}

/** What somebody else made is not changed because a file happens to have its name. */
function checkOwner({ stack }: Around, { name, place }: WantedFunction, stored: Stored | null): void {
  const owner = stored?.tags[stackTag];
  if (stored === null || owner === stack) return;
  throw new Failure({
    code: "E_TAKEN",
    exit: exits.failed,
    what: `There is a function ${name} already, ${owner === undefined ? "which no import made" : `of the stack ${owner}`}`,
    where: place,
    fix: `delete it, give the stack another name with --stack, or take it over: aws lambda tag-resource --resource ${String(stored.configuration["FunctionArn"])} --tags ${stackTag}=${stack}`,
  });
}

async function storedOf(door: LambdaDoor, name: string): Promise<Stored | null> {
  const found = await door.find(functionPath(name));
  if (found === null) return null;
  const [concurrency, events] = await Promise.all([
    door.ask("GET", `${functionPath(name, "2019-09-30")}/concurrency`),
    door.find(`${functionPath(name, "2019-09-25")}/event-invoke-config`),
  ]);
  return {
    configuration: found["Configuration"] as Body,
    image: (found["Code"] as Body)["ImageUri"] as string | undefined,
    tags: (found["Tags"] ?? {}) as Stored["tags"],
    reserved: (concurrency["ReservedConcurrentExecutions"] as number | undefined) ?? null,
    events,
  };
}

/** Settings by the names that people know them by; the environment one by one. */
function differences(around: Around, fn: WantedFunction, packed: Packed, { configuration: there, ...stored }: Stored): string[] {
  const { settings } = fn;
  const variables = (there["Environment"]?.["Variables"] ?? {}) as Record<string, string>;
  const isSame: Readonly<Record<string, boolean>> = {
    code: "image" in packed ? packed.image === stored.image : packed.hash === there["CodeSha256"],
    runtime: "image" in packed || settings.Runtime === there["Runtime"],
    handler: "image" in packed || settings.Handler === there["Handler"],
    description: settings.Description === (there["Description"] ?? ""),
    timeout: settings.Timeout === there["Timeout"],
    memory: settings.MemorySize === there["MemorySize"],
    "image config": isDeepStrictEqual(settings.ImageConfig ?? {}, there["ImageConfigResponse"]?.["ImageConfig"] ?? {}),
    layers: isDeepStrictEqual(
      layerArns(around, fn),
      ((there["Layers"] ?? []) as Body[]).map((layer) => layer["Arn"] as string),
    ),
    tags: isDeepStrictEqual(tagsOf(around, fn), { ...stored.tags }),
    concurrency: fn.reserved === stored.reserved,
    events: isSameEvents(fn.events, stored.events),
  };
  const environment = [...new Set([...Object.keys(variables), ...Object.keys(settings.Environment)])].filter(
    (name) => variables[name] !== settings.Environment[name],
  );
  return [...Object.keys(isSame).filter((name) => isSame[name] === false), ...environment.map((name) => `environment.${name}`)];
}

/** Of those that are not published yet none. */
function layerArns({ layerArns: published }: Around, { layers }: WantedFunction): string[] {
  return layers.flatMap((layer) => ("arn" in layer ? [layer.arn] : (published.get(layer.layer) ?? [])));
}

function tagsOf({ stack }: Around, { tags }: WantedFunction): Record<string, string> {
  return { ...tags, [stackTag]: stack };
}

const eventDefaults = { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 21_600, OnSuccess: undefined, OnFailure: undefined };

function isSameEvents(wanted: EventSettings | null, there: Body | null): boolean {
  if (wanted === null || there === null) return wanted === there;
  const { MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig } = there;
  const known = {
    MaximumRetryAttempts,
    MaximumEventAgeInSeconds,
    OnSuccess: DestinationConfig?.["OnSuccess"]?.["Destination"],
    OnFailure: DestinationConfig?.["OnFailure"]?.["Destination"],
  };
  return isDeepStrictEqual({ ...eventDefaults, ...given(wanted) }, { ...eventDefaults, ...given(known) });
}

function given(settings: object): object {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined && value !== null));
}

async function create(around: Around, fn: WantedFunction, packed: Packed): Promise<void> {
  const { door } = around;
  const Code = "image" in packed ? { ImageUri: packed.image } : { ZipFile: packed.zip.toString("base64") };
  const body = {
    FunctionName: fn.name,
    PackageType: "image" in packed ? "Image" : "Zip",
    ...configurationOf(around, fn),
    Code,
    Tags: tagsOf(around, fn),
  };
  await door.ask("POST", "/2015-03-31/functions", { body });
  await door.settled(fn.name);
  if (fn.reserved !== null) await setReserved(around, fn);
  if (fn.events !== null) await setEvents(around, fn);
}

function configurationOf(around: Around, fn: WantedFunction): object {
  const { Environment, ...settings } = fn.settings;
  const layers = layerArns(around, fn);
  return { ...given(settings), Environment: { Variables: Environment }, ...(fn.layers.length === 0 ? {} : { Layers: layers }) };
}

const configured = /^(?:runtime|handler|description|timeout|memory|layers|image config|environment\..*)$/;

async function update(
  around: Around,
  fn: WantedFunction,
  packed: Packed,
  stored: Stored,
  fields: readonly string[],
): Promise<void> {
  const { door } = around;
  const path = functionPath(fn.name);
  if (fields.some((field) => configured.test(field))) {
    const { RevisionId } = stored.configuration;
    const layers = fields.includes("layers") ? { Layers: layerArns(around, fn) } : {};
    await door.ask("PUT", `${path}/configuration`, { body: { ...configurationOf(around, fn), ...layers, RevisionId } });
    await door.settled(fn.name);
  }
  if (fields.includes("code")) {
    const body = "image" in packed ? { ImageUri: packed.image } : { ZipFile: packed.zip.toString("base64") };
    await door.ask("PUT", `${path}/code`, { body });
    await door.settled(fn.name);
  }
  if (fields.includes("tags")) await setTags(around, fn, stored);
  if (fields.includes("concurrency")) await setReserved(around, fn);
  if (fields.includes("events")) await setEvents(around, fn);
}

async function setTags(around: Around, fn: WantedFunction, { tags, configuration }: Stored): Promise<void> {
  const wanted = tagsOf(around, fn);
  const path = `/2017-03-31/tags/${encodeURIComponent(String(configuration["FunctionArn"]))}`;
  for (const name of Object.keys(tags).filter((each) => !Object.hasOwn(wanted, each)))
    await around.door.ask("DELETE", path, { query: { tagKeys: name } });
  await around.door.ask("POST", path, { body: { Tags: wanted } });
}

async function setReserved({ door }: Around, { name, reserved }: WantedFunction): Promise<void> {
  const path = `${functionPath(name, "2017-10-31")}/concurrency`;
  if (reserved === null) await door.ask("DELETE", path);
  else await door.ask("PUT", path, { body: { ReservedConcurrentExecutions: reserved } });
}

async function setEvents({ door }: Around, { name, events }: WantedFunction): Promise<void> {
  const path = `${functionPath(name, "2019-09-25")}/event-invoke-config`;
  if (events === null) {
    await door.ask("DELETE", path);
    return;
  }
  const { OnSuccess, OnFailure, ...bounds } = events;
  const DestinationConfig = { OnSuccess: destination(OnSuccess), OnFailure: destination(OnFailure) };
  await door.ask("PUT", path, { body: { ...given(bounds), DestinationConfig } });
}

function destination(arn: string | undefined): object {
  return arn === undefined ? {} : { Destination: arn };
}
