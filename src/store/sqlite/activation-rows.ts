/** Records, with their results, as rows of their table and back. */
import { PlatformError } from "../../model/error.ts";
import { idBytes, readId, writeId } from "../../model/id-bytes.ts";
import { isId } from "../../model/id.ts";
import { type Activation, activationStatuses, startTypes } from "../../model/model.ts";
import type { BulkColumn, BulkInsert, Row, SqlValue } from "../../sql/sql.ts";
import type { PackedRecords } from "../packed-records.ts";
import type { CallResult } from "../store.ts";
import { textOrNull } from "./queries.ts";

/** `refs`: of all the batch's names. */
export function insertRecords(batch: PackedRecords, refs: ReadonlyMap<string, number>): BulkInsert {
  return { into: "activations", columns: toColumns(batch, refs), whenTaken: "skip" };
}

/** What an id is compared with; null, which equals nothing, for what is none. */
export function idParam(id: string): Uint8Array | null {
  if (!isId(id)) return null;
  const bytes = new Uint8Array(idBytes);
  writeId(id, bytes, 0);
  return bytes;
}

/** The columns of a batch by their names in the table. */
function toColumns(batch: PackedRecords, refs: ReadonlyMap<string, number>): Readonly<Record<string, BulkColumn>> {
  const { columns, texts } = batch;
  const names = batch.names.map((name) => (name === null ? null : refIn(refs, name)));
  return {
    id: { bytes: columns.id, width: idBytes },
    namespace: coded(columns.namespace, names),
    app: coded(columns.app, names),
    function: coded(columns.function, names),
    function_name: coded(columns.functionName, names),
    route: coded(columns.route, names),
    revision: columns.revision,
    status: coded(columns.status, activationStatuses),
    start: coded(columns.start, startTypes),
    attempt: columns.attempt,
    error_code: coded(columns.errorCode, texts),
    error_message: coded(columns.errorMessage, texts),
    started_at: columns.startedAt,
    ended_at: columns.endedAt,
    wait_ms: columns.waitMs,
    create_ms: columns.createMs,
    init_ms: columns.initMs,
    run_ms: columns.runMs,
    request_bytes: columns.requestBytes,
    response_bytes: columns.responseBytes,
    billed_units: columns.billedUnits,
    trace_id: coded(columns.trace, texts),
    // Each column costs something in each row, also one that is empty.
    ...(batch.rare.size === 0 ? undefined : rareColumns(batch, names)),
  };
}

function rareColumns(batch: PackedRecords, names: readonly SqlValue[]): Readonly<Record<string, BulkColumn>> {
  const { columns, texts, rare } = batch;
  return {
    ...(rare.has("cause") ? { cause: coded(columns.cause, texts) } : undefined),
    ...(rare.has("provider") ? { provider: coded(columns.provider, names) } : undefined),
    ...(rare.has("binding") ? { binding: coded(columns.binding, names) } : undefined),
    ...(rare.has("activated") ? { activated: coded(columns.activated, texts) } : undefined),
    ...(rare.has("stepsMemoryMiB") ? { steps_memory_mib: columns.stepsMemoryMiB } : undefined),
    ...(rare.has("rules") ? { rules: coded(columns.rules, texts) } : undefined),
    ...(rare.has("result") ? resultColumns(batch) : undefined),
  };
}

function resultColumns({ columns, texts, results }: PackedRecords): Readonly<Record<string, BulkColumn>> {
  return {
    result_status: columns.resultStatus,
    result_type: coded(columns.resultType, texts),
    result_bytes: columns.resultBytes,
    result: { bytes: results, ends: columns.resultEnd },
  };
}

function coded(codes: Uint32Array, values: readonly SqlValue[]): BulkColumn {
  return { codes, values };
}

function refIn(refs: ReadonlyMap<string, number>, text: string): number {
  const ref = refs.get(text);
  if (ref === undefined) throw new PlatformError("internal", "A record names something that is not Unicode text");
  return ref;
}

/** A row of `activation_records`. */
export function toActivation(row: Row): Activation {
  const errorCode = textOrNull(row.error_code);
  return {
    id: toId(row.id),
    namespace: String(row.namespace),
    appId: textOrNull(row.app_id),
    functionId: String(row.function_id),
    functionName: String(row.function_name),
    revision: Number(row.revision),
    routeId: textOrNull(row.route_id),
    status: String(row.status) as Activation["status"],
    start: String(row.start) as Activation["start"],
    attempt: Number(row.attempt),
    error: errorCode === null ? null : { code: errorCode, message: String(row.error_message) },
    startedAt: Number(row.started_at),
    endedAt: Number(row.ended_at),
    waitMs: Number(row.wait_ms),
    createMs: Number(row.create_ms),
    initMs: Number(row.init_ms),
    runMs: Number(row.run_ms),
    requestBytes: Number(row.request_bytes),
    responseBytes: Number(row.response_bytes),
    billedUnits: Number(row.billed_units),
    ...(row.trace_id === null ? {} : { traceId: String(row.trace_id) }),
    ...(row.cause === null ? {} : { cause: String(row.cause) }),
    ...(row.provider === null ? {} : { provider: String(row.provider) }),
    ...(row.binding === null ? {} : { binding: String(row.binding) }),
    ...(row.activated === null ? {} : { activated: "trigger" as const }),
    ...(row.steps_memory_mib === 0 ? {} : { stepsMemoryMiB: Number(row.steps_memory_mib) }),
  };
}

/** What a row of `activations` has of the call's result. */
export function toResult(row: Row): CallResult {
  return {
    status: Number(row.result_status),
    contentType: textOrNull(row.result_type),
    bytes: Number(row.result_bytes),
    body: row.result instanceof Uint8Array ? row.result : new Uint8Array(),
    ...(row.rules === null ? {} : { rules: String(row.rules) }),
  };
}

/** The column was written from an id. */
function toId(value: SqlValue | undefined): string {
  return readId(value as Uint8Array, 0);
}
