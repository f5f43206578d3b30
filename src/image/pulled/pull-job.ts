/** What the process that pulls is told, on one line, and what it answers on another. */
import type { Descriptor, Reference, RegistrySettings, RunConfig } from "../../oci/oci.ts";
import type { ErrorCode } from "../../model/error.ts";
import type { LayerLimits } from "./layer.ts";
import type { BootNote } from "./unsynced.ts";

export interface PullJob {
  /** Says where layers come from. */
  readonly reference: Reference;
  readonly registry: RegistrySettings;
  /** The lowest first. */
  readonly layers: readonly PullLayer[];
  readonly limits: LayerLimits;
  /** Exists, is empty, lies on the same disk as all others, and is removed by whoever gave the job. */
  readonly workFolder: string;
  /** Becomes a folder with `tree` and the note. */
  readonly rootFolder: string;
  readonly note: Omit<RootNote, "entries" | "boot">;
}

export interface PullLayer extends Pick<Descriptor, "digest" | "size"> {
  /** Of what it unpacks to. */
  readonly diffId: string;
  /** Is there, or becomes a layer's folder with its note. */
  readonly folder: string;
}

/** What is known of an unpacked layer; lies beside its contents. */
export interface LayerNote extends BootNote {
  readonly bytes: number;
  readonly entries: number;
}

/** What is known of an unpacked image; lies beside its `tree`. */
export interface RootNote extends BootNote {
  readonly digest: string;
  /** Their `diffId`s. */
  readonly layers: readonly string[];
  readonly config: RunConfig;
  readonly entries: number;
}

export const noteName = "note.json";

export type PullAnswer = { readonly done: true } | { readonly failed: PullFailure };

/** An error on its way between processes. */
export interface PullFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}
