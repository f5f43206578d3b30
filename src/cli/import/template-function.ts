/** A function of a template. */
import type { Path } from "../project/yaml-file.ts";
import { codeOf } from "./template-code.ts";
import { eventsOf } from "./template-events.ts";
import { Unknown } from "./intrinsics.ts";
import { layersOf } from "./layer.ts";
import { Property } from "./property.ts";
import { mapIn } from "./resources.ts";
import type { TemplateReading } from "./template.ts";
import { urlOf } from "./url.ts";
import type { EventSettings, WantedFunction } from "./wanted.ts";

/** Undefined: not even its name is known, which is remarked. */
export function readFunction(reading: TemplateReading, id: string): WantedFunction | undefined {
  const { resources, remarks, globals, attached } = reading;
  const path: Path = ["Resources", id, "Properties"];
  const name = resources.functionName(id);
  if (!remarks.isKnown(name, null, [...path, "FunctionName"], `The function ${id} is left out, as its name is not known`))
    return undefined;
  const isSam = resources.typeOf(id) === "AWS::Serverless::Function";
  const own = resources.propertiesOf(id);
  const property = (key: string) => propertyOf(reading, id, name, isSam ? merged(globals, own) : own, key);
  const beside = attached.get(id);
  const alias = property("AutoPublishAlias").text();
  const events = isSam ? eventsOf(reading, id, name, property("Events")) : { schedules: [], url: null };
  const code = codeOf(reading, id, property, isSam);
  remarkOnRest(property);
  const url = urlOf(property("FunctionUrlConfig")) ?? beside?.url ?? events.url;
  return {
    name,
    place: remarks.placeOf(["Resources", id], "key"),
    code,
    settings: {
      Runtime: code?.type === "image" ? undefined : (property("Runtime").text() ?? lacking(code, property("Runtime"))),
      Handler: code?.type === "image" ? undefined : (property("Handler").text() ?? lacking(code, property("Handler"))),
      Description: property("Description").text() ?? "",
      Timeout: property("Timeout").whole() ?? 3,
      MemorySize: property("MemorySize").whole() ?? 128,
      Environment: property("Environment").at("Variables").texts(),
      ImageConfig: property("ImageConfig").plain(),
    },
    layers: layersOf(property("Layers")),
    tags: tagsOf(property("Tags")),
    reserved: property("ReservedConcurrentExecutions").whole() ?? null,
    alias:
      alias === undefined
        ? (beside?.alias ?? null)
        : {
            name: alias,
            provisioned: property("ProvisionedConcurrencyConfig").at("ProvisionedConcurrentExecutions").whole() ?? null,
          },
    events: eventSettings(property("EventInvokeConfig"), property) ?? beside?.events ?? null,
    url,
    schedules: [...events.schedules, ...(beside?.schedules ?? [])],
  };
}

function lacking(code: WantedFunction["code"], property: Property): undefined {
  if (code !== null && !property.isThere) property.missing(`${String(property.path.at(-1))} is missing`, "say it in the file");
}

function propertyOf(
  reading: TemplateReading,
  id: string,
  of: string,
  properties: Readonly<Record<string, unknown>>,
  key: string,
): Property {
  const { resources, remarks, globals } = reading;
  const isGlobal = !Object.hasOwn(resources.propertiesOf(id), key) && Object.hasOwn(globals, key);
  const path: Path = isGlobal ? ["Globals", "Function", key] : ["Resources", id, "Properties", key];
  return new Property(resources.intrinsics.value(properties[key]), path, of, remarks);
}

/** As SAM does it: maps are joined, lists are the global one and then the own one, anything else is the own one. */
function merged(globals: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const both: Record<string, unknown> = { ...globals };
  for (const [key, value] of Object.entries(own)) {
    const under = globals[key];
    if (Array.isArray(under) && Array.isArray(value)) both[key] = [...(under as unknown[]), ...(value as unknown[])];
    else if (isPlainMap(under) && isPlainMap(value)) both[key] = merged(under, value);
    else both[key] = value;
  }
  return both;
}

function isPlainMap(value: unknown): value is Record<string, unknown> {
  const keys = Object.keys(mapIn(value));
  return keys.length > 0 && !keys.some((key) => key === "Ref" || key.startsWith("Fn::"));
}

/** SAM has a map, CloudFormation a list. */
function tagsOf(tags: Property): Record<string, string> {
  if (!Array.isArray(tags.value)) return tags.texts();
  return Object.fromEntries(
    tags.items.flatMap((tag) => {
      const [key, value] = [tag.at("Key").text(), tag.at("Value").text()];
      return key === undefined || value === undefined ? [] : [[key, value]];
    }),
  );
}

function eventSettings(config: Property, property: (key: string) => Property): EventSettings | null {
  const dead = property("DeadLetterQueue").isThere ? property("DeadLetterQueue") : property("DeadLetterConfig");
  if (dead.isThere)
    dead.missing("a dead letter queue is not here", "name a function as DestinationConfig.OnFailure of EventInvokeConfig");
  if (!config.isThere) return null;
  const destination = (name: string) => {
    const said = config.at("DestinationConfig").at(name);
    if (!said.isThere) return undefined;
    const type = said.at("Type").text() ?? "Lambda";
    const arn = type === "Lambda" ? said.at("Destination").text() : undefined;
    if (type !== "Lambda" || (arn !== undefined && !arn.includes(":lambda:"))) {
      said.missing(`${said.label} is no function`, "destinations here are functions");
      return undefined;
    }
    return arn;
  };
  return {
    MaximumRetryAttempts: config.at("MaximumRetryAttempts").whole(),
    MaximumEventAgeInSeconds: config.at("MaximumEventAgeInSeconds").whole(),
    OnSuccess: destination("OnSuccess"),
    OnFailure: destination("OnFailure"),
  };
}

/** What there is nothing for here: what would be missed keeps a function back, the rest is told. */
function remarkOnRest(property: (key: string) => Property): void {
  for (const [key, [what, fix]] of Object.entries(missing)) {
    const found = property(key);
    if (found.isThere && (!(key in harmless) || !harmless[key]?.(found.value))) found.missing(what, fix);
  }
  for (const [key, what] of Object.entries(different)) if (property(key).isThere) property(key).different(what);
  const architectures = property("Architectures");
  if (architectures.items.some((item) => item.text() === "arm64")) remarkOnArm(architectures, property("Runtime").text());
  const memory = property("EphemeralStorage").at("Size").whole();
  if (memory !== undefined && memory > 512)
    property("EphemeralStorage").different("/tmp has the size that the server gives all functions");
  if (property("ProvisionedConcurrencyConfig").isThere && !property("AutoPublishAlias").isThere)
    property("ProvisionedConcurrencyConfig").missing("ProvisionedConcurrencyConfig wants AutoPublishAlias");
}

/** Programs care; scripts and what runs in a virtual machine do not. */
export function remarkOnArm(property: Property, runtime: string | undefined): void {
  if (runtime === undefined || /^(?:provided|go1)/.test(runtime))
    property.missing("arm64: programs run on x86_64 here", "build it for x86_64");
  else property.different("arm64: it runs on x86_64, so its packages have to be there for that");
}

const missing: Readonly<Record<string, readonly [what: string, fix: string]>> = {
  VpcConfig: ["a VPC is not here", "say what the function connects to with polykiln fn update --egress"],
  FileSystemConfigs: ["file systems (EFS) are not here", "take FileSystemConfigs out"],
  SnapStart: ["SnapStart is not here", "take it out: sandboxes are kept ready with ProvisionedConcurrencyConfig"],
  DurableConfig: ["durable functions are not here", "take DurableConfig out"],
  CapacityProviderConfig: ["capacity providers are not here", "take CapacityProviderConfig out"],
  TenancyConfig: ["isolation by tenants is not here", "take TenancyConfig out"],
};

const harmless: Readonly<Record<string, (value: unknown) => boolean>> = {
  SnapStart: (value) => mapIn(value)["ApplyOn"] === "None",
  VpcConfig: (value) =>
    ["SubnetIds", "SecurityGroupIds"].every((key) => {
      const list = mapIn(value)[key];
      return !(list instanceof Unknown) && Array.isArray(list) && list.length === 0;
    }),
};

const different: Readonly<Record<string, string>> = {
  Role: "roles mean nothing here: the code has no credentials of AWS",
  Policies: "policies mean nothing here: the code has no credentials of AWS",
  KmsKeyArn: "the environment is kept as the server keeps everything",
  DeploymentPreference: "an alias moves to the new version at once",
  CodeSigningConfigArn: "signed code is not asked for",
  RecursiveLoop: "loops are not looked for",
};
