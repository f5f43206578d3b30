/** What a file of SAM, CloudFormation or the Serverless Framework asks for, as far as there is something for it here. */

export interface Wanted {
  /** What is marked as made by this file. */
  readonly stack: string;
  readonly functions: readonly WantedFunction[];
  readonly layers: readonly WantedLayer[];
  readonly remarks: readonly Remark[];
}

export interface WantedFunction {
  readonly name: string;
  /** `FILE:LINE:COLUMN`. */
  readonly place: string;
  /** Null: it cannot be had, and a remark says why. */
  readonly code: WantedCode | null;
  /** Members of Lambda's `CreateFunction`; what is left out has Lambda's default. */
  readonly settings: FunctionSettings;
  readonly layers: readonly LayerReference[];
  readonly tags: Readonly<Record<string, string>>;
  /** Null: as many as there is room for. */
  readonly reserved: number | null;
  /** An alias of the newest version. */
  readonly alias: { readonly name: string; readonly provisioned: number | null } | null;
  readonly events: EventSettings | null;
  readonly url: UrlSettings | null;
  readonly schedules: readonly WantedSchedule[];
}

export interface FunctionSettings {
  readonly Runtime?: string;
  readonly Handler?: string;
  readonly Description: string;
  /** Seconds. */
  readonly Timeout: number;
  /** MB. */
  readonly MemorySize: number;
  readonly Environment: Readonly<Record<string, string>>;
  readonly ImageConfig?: Readonly<Record<string, unknown>>;
}

export type WantedCode =
  | FolderCode
  | { readonly type: "zip"; readonly path: string; readonly place: string }
  | { readonly type: "inline"; readonly file: string; readonly text: string }
  | { readonly type: "image"; readonly uri: string };

export interface FolderCode {
  readonly type: "folder";
  readonly path: string;
  /** Nothing outside of this folder is packed. */
  readonly root: string;
  /** Globs from the folder on, the last one that matches decides; those with `!` leave out. */
  readonly patterns: readonly string[];
  readonly place: string;
}

/** A layer of the same file, by its logical name, or a version that is there already, by its ARN. */
export type LayerReference = { readonly layer: string } | { readonly arn: string };

export interface WantedLayer {
  /** In the file. */
  readonly id: string;
  readonly name: string;
  readonly place: string;
  readonly code: WantedCode;
  readonly description: string;
  readonly runtimes: readonly string[];
}

/** Members of Lambda's `PutFunctionEventInvokeConfig`. */
export interface EventSettings {
  readonly MaximumRetryAttempts?: number;
  readonly MaximumEventAgeInSeconds?: number;
  readonly OnSuccess?: string;
  readonly OnFailure?: string;
}

/** Members of Lambda's `CreateFunctionUrlConfig`. */
export interface UrlSettings {
  readonly AuthType: string;
  readonly InvokeMode: string;
  readonly Cors: Readonly<Record<string, unknown>> | null;
  readonly place: string;
}

export interface WantedSchedule {
  /** Of the trigger and its rule. */
  readonly name: string;
  readonly place: string;
  readonly timing: Timing;
  readonly startsAt: string | null;
  readonly endsAt: string | null;
  /** The event. */
  readonly payload: unknown;
}

/** As our API takes it. */
export type Timing =
  | { readonly cron: string; readonly timeZone?: string }
  | { readonly everyMs: number }
  | { readonly at: string };

/** Something of the file that is not here, or is not the same. */
export interface Remark {
  /** `missing`: what it belongs to is not deployed without `--partial`, which leaves it out; `different`: deployed, and worth knowing. */
  readonly level: "missing" | "different";
  readonly place: string;
  /** Name of the function that it belongs to; null: none. */
  readonly of: string | null;
  readonly what: string;
  readonly fix: string | null;
}

/** Whether the file has functions of which not even the name is known, or whether they are wanted. */
export function leavesOut({ remarks }: Pick<Wanted, "remarks">): boolean {
  return remarks.some(({ level, of }) => level === "missing" && of === null);
}
