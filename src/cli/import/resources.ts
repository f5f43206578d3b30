/** What names of a template stand for: its parameters, pseudo parameters, and what its resources are called here. */
import { nearest } from "../../lib/nearest.ts";
import { usage } from "../failure.ts";
import { Intrinsics, type Known, LayerId, Unknown } from "./intrinsics.ts";

/** Whose server it is, as ARNs say. */
export interface Identity {
  readonly account: string;
  readonly region: string;
}

export interface ResourceOptions {
  readonly file: string;
  readonly stack: string;
  readonly identity: Identity;
  /** `--param`: of parameters, or of what nobody else knows (`Table`, `Table.Arn`). */
  readonly given: Readonly<Record<string, string>>;
  readonly parameters: Known;
  readonly mappings: Known;
  readonly conditions: Known;
  readonly resources: Known;
}

const functionTypes = new Set(["AWS::Serverless::Function", "AWS::Lambda::Function"]);
const layerTypes = new Set(["AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion"]);

/** Property that is a resource's name, which `Ref` gives. */
const nameProperties: Readonly<Record<string, string>> = {
  "AWS::DynamoDB::Table": "TableName",
  "AWS::Serverless::SimpleTable": "TableName",
  "AWS::S3::Bucket": "BucketName",
  "AWS::SSM::Parameter": "Name",
  "AWS::Logs::LogGroup": "LogGroupName",
  "AWS::Kinesis::Stream": "Name",
  "AWS::Events::EventBus": "Name",
};

export class Resources {
  readonly intrinsics: Intrinsics;
  readonly #options: ResourceOptions;

  constructor(options: ResourceOptions) {
    this.#options = options;
    const { file, mappings, conditions } = options;
    this.intrinsics = new Intrinsics({
      file,
      mappings,
      conditions,
      ref: (name) => this.#ref(name),
      attribute: (name, attribute) => this.#attribute(name, attribute),
    });
  }

  /** Logical names of those of some types whose conditions hold, or are not known. */
  idsOf(types: ReadonlySet<string>): string[] {
    return Object.keys(this.#options.resources).filter((id) => types.has(this.typeOf(id)));
  }

  get functionIds(): string[] {
    return this.idsOf(functionTypes);
  }

  get layerIds(): string[] {
    return this.idsOf(layerTypes);
  }

  /** Those that are neither functions nor layers. */
  get otherIds(): string[] {
    return Object.keys(this.#options.resources).filter(
      (id) => !functionTypes.has(this.typeOf(id)) && !layerTypes.has(this.typeOf(id)),
    );
  }

  typeOf(id: string): string {
    return String(mapIn(this.#options.resources[id])["Type"] ?? "");
  }

  /** Of a resource, as written. */
  propertiesOf(id: string): Known {
    return mapIn(mapIn(this.#options.resources[id])["Properties"]);
  }

  /** What is said of a resource for tools. */
  metadataOf(id: string): Known {
    return mapIn(mapIn(this.#options.resources[id])["Metadata"]);
  }

  get identity(): Identity {
    return this.#options.identity;
  }

  /** False: its condition does not hold, so there is none. */
  isWanted(id: string): boolean | Unknown {
    const name = mapIn(this.#options.resources[id])["Condition"];
    return typeof name === "string" ? this.intrinsics.condition(name) : true;
  }

  /** What a function is called: its own name, or one of the stack and the resource, which is the same each time. */
  functionName(id: string): string | Unknown {
    const said = this.intrinsics.value(this.propertiesOf(id)["FunctionName"]);
    if (said instanceof Unknown) return said;
    return said === undefined ? plainName(`${this.#options.stack}-${id}`) : String(said);
  }

  arnOf(name: string, qualifier?: string): string {
    const { region, account } = this.#options.identity;
    return `arn:aws:lambda:${region}:${account}:function:${name}${qualifier === undefined ? "" : `:${qualifier}`}`;
  }

  /** Throws a `Failure` for `--param` of what the file does not have. */
  checkGiven(): void {
    const { given, parameters, resources } = this.#options;
    const known = [...Object.keys(parameters), ...Object.keys(resources)];
    for (const name of Object.keys(given)) {
      if (known.includes(name.split(".")[0] as string) || name.startsWith("AWS::")) continue;
      const meant = nearest(name, known);
      throw usage(
        `--param ${name}: the file has no such parameter or resource`,
        meant === undefined ? `it has ${known.join(", ") || "none"}` : `did you mean ${meant}?`,
      );
    }
  }

  #ref(name: string): unknown {
    const { given, parameters, resources } = this.#options;
    if (Object.hasOwn(parameters, name)) return parameterValue(name, mapIn(parameters[name]), given[name]);
    if (Object.hasOwn(given, name)) return given[name];
    if (name.startsWith("AWS::")) return this.#pseudo(name);
    if (Object.hasOwn(resources, name)) return this.#refOf(name);
    return this.#generated(name);
  }

  #refOf(id: string): unknown {
    const type = this.typeOf(id);
    if (functionTypes.has(type)) return this.functionName(id);
    if (layerTypes.has(type)) return new LayerId(id);
    const property = nameProperties[type];
    const name = property === undefined ? undefined : this.intrinsics.value(this.propertiesOf(id)[property]);
    return name === undefined ? new Unknown(`${id} (${type}) is not made here`, `say what it is with --param ${id}=…`) : name;
  }

  #attribute(name: string, attribute: string): unknown {
    const { given, resources } = this.#options;
    const path = `${name}.${attribute}`;
    if (Object.hasOwn(given, path)) return given[path];
    if (!Object.hasOwn(resources, name)) return this.#generated(path) ?? new Unknown(`there is no ${name} in the file`);
    if (functionTypes.has(this.typeOf(name))) {
      const fn = this.functionName(name);
      if (fn instanceof Unknown) return fn;
      if (attribute === "Arn") return this.arnOf(fn);
    }
    return new Unknown(`${path} (${this.typeOf(name)}) is not made here`, `say what it is with --param ${path}=…`);
  }

  /** Names that SAM makes of a function's: `HelloAliaslive`, `Hello.Alias`, `Hello.Version`. */
  #generated(name: string): unknown {
    const id = this.functionIds.find((each) => name.startsWith(each) && /^\.?(?:Alias|Version)/.test(name.slice(each.length)));
    if (id === undefined) return undefined;
    const fn = this.functionName(id);
    const alias = this.intrinsics.value(this.propertiesOf(id)["AutoPublishAlias"]);
    if (fn instanceof Unknown || !name.slice(id.length).includes("Alias") || typeof alias !== "string")
      return new Unknown(`${name} is a version, which has its number when it is deployed`);
    return this.arnOf(fn, alias);
  }

  #pseudo(name: string): unknown {
    const { stack, identity } = this.#options;
    switch (name) {
      case "AWS::Region":
        return identity.region;
      case "AWS::AccountId":
        return identity.account;
      case "AWS::StackName":
        return stack;
      case "AWS::Partition":
        return "aws";
      case "AWS::URLSuffix":
        return "amazonaws.com";
      default:
        return new Unknown(`${name} is known to AWS only`, `say what it is with --param ${name}=…`);
    }
  }
}

function parameterValue(name: string, declared: Known, given: string | undefined): unknown {
  const type = String(declared["Type"] ?? "String");
  const value = given ?? declared["Default"];
  if (value === undefined) return new Unknown(`the parameter ${name} has no value`, `give one with --param ${name}=…`);
  if (given === undefined && type.startsWith("AWS::SSM::"))
    return new Unknown(`the parameter ${name} is kept by AWS's Systems Manager`, `give its value with --param ${name}=…`);
  const allowed = declared["AllowedValues"];
  if (Array.isArray(allowed) && !allowed.map(String).includes(String(value)))
    throw usage(
      `The parameter ${name} cannot be ${JSON.stringify(String(value).slice(0, 60))}`,
      `it is one of ${allowed.join(", ")}`,
    );
  return /^(?:CommaDelimitedList|List<.*>)$/.test(type)
    ? String(value)
        .split(",")
        .map((each) => each.trim())
    : String(value);
}

/** Names have letters, digits, `-` and `_`, at most 64. */
export function plainName(text: string): string {
  return text.replaceAll(/[^\w-]+/g, "-").slice(0, 64);
}

/** Nothing for what is no map, or is not known. */
export function mapIn(value: unknown): Known {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Unknown);
  return isMap ? (value as Known) : {};
}
