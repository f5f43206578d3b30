/**
 * Records of calls as columns of numbers. A record that waits for the disk is then no object that the garbage collector has to keep
 * and copy, and it reaches the thread or the process that writes it without being cloned. Texts are kept once in each batch. What a
 * call answered is kept with its record.
 */
import { idBytes, readId, writeId } from "../model/id-bytes.ts";
import { type Activation, activationStatuses, startTypes } from "../model/model.ts";
import { PackedBytes } from "./packed-bytes.ts";
import type { CallResult } from "./store.ts";

const roomAtFirst = 256;
/** Memory for more is given back when it was not needed lately. */
const roomKept = 8192;

/** Hold a code for one of `names` or `texts`, an index in the model's list of statuses or start types, or where a result ends. */
const codeColumns = [
  "namespace",
  "app",
  "function",
  "functionName",
  "route",
  "status",
  "start",
  "errorCode",
  "errorMessage",
  "trace",
  "cause",
  "provider",
  "binding",
  "activated",
  "resultType",
  "rules",
  "resultEnd",
] as const;

const numberColumns = [
  "revision",
  "attempt",
  "startedAt",
  "endedAt",
  "waitMs",
  "createMs",
  "initMs",
  "runMs",
  "requestBytes",
  "responseBytes",
  "billedUnits",
  "stepsMemoryMiB",
  "resultStatus",
  "resultBytes",
] as const;

/** Few records say anything there; `result` stands for all columns about it. */
type RareColumn = "cause" | "provider" | "binding" | "activated" | "stepsMemoryMiB" | "result" | "rules";

const recordBytes = numberColumns.length * 8 + codeColumns.length * 4 + idBytes;

/** One value for each record, of ids 16 bytes. */
export type RecordColumns = Readonly<Record<(typeof codeColumns)[number], Uint32Array>> &
  Readonly<Record<(typeof numberColumns)[number], Float64Array>> & { readonly id: Uint8Array };

/** A batch. It can be filled again; its columns are shared memory, which nobody may read any more then. */
export class PackedRecords implements Iterable<Activation> {
  #room = roomAtFirst;
  #memory = new SharedArrayBuffer(roomAtFirst * recordBytes);
  #columns = columnsOf(this.#memory, roomAtFirst, roomAtFirst);
  #names = new Texts();
  #texts = new Texts();
  readonly #results = new PackedBytes();
  #count = 0;
  #rare = new Set<RareColumn>();

  /** A batch of those records, each with its result by its id; one that is a batch already stays as it is. */
  static of(records: Iterable<Activation>, results?: ReadonlyMap<string, CallResult>): PackedRecords {
    if (records instanceof PackedRecords) return records;
    const packed = new PackedRecords();
    for (const record of records) packed.add(record, results?.get(record.id));
    return packed;
  }

  get count(): number {
    return this.#count;
  }

  /** Columns, of those that mostly are empty, in which a record says something. */
  get rare(): ReadonlySet<RareColumn> {
    return this.#rare;
  }

  /** Memory that the records take, about. */
  get bytes(): number {
    return this.#count * recordBytes + this.#names.bytes + this.#texts.bytes + this.#results.length;
  }

  /** The bodies of all results; `resultEnd` tells where that of a record ends, and begins where that of the one before does. */
  get results(): Uint8Array {
    return this.#results.bytes;
  }

  /** Of namespaces, apps, functions, routes and bindings; the first is null. */
  get names(): readonly (string | null)[] {
    return this.#names.values;
  }

  /** Of errors, ids of traces and causes, types of results, and what became of rules; the first is null. */
  get texts(): readonly (string | null)[] {
    return this.#texts.values;
  }

  /** As long as there are records. */
  get columns(): RecordColumns {
    return columnsOf(this.#memory, this.#room, this.#count);
  }

  /** `result`: of its call, where that is kept. Throws `internal` when the record's id is none. */
  add(record: Activation, result?: CallResult | null): void {
    if (this.#count === this.#room) this.#moveTo(2 * this.#room);
    const row = this.#count;
    const columns = this.#columns;
    const names = this.#names;
    const texts = this.#texts;
    writeId(record.id, columns.id, row * idBytes);
    columns.namespace[row] = names.codeOf(record.namespace);
    columns.app[row] = names.codeOf(record.appId);
    columns.function[row] = names.codeOf(record.functionId);
    columns.functionName[row] = names.codeOf(record.functionName);
    columns.route[row] = names.codeOf(record.routeId);
    columns.status[row] = statusCodes[record.status];
    columns.start[row] = startCodes[record.start];
    columns.errorCode[row] = texts.codeOf(record.error?.code ?? null);
    columns.errorMessage[row] = texts.codeOf(record.error?.message ?? null);
    columns.trace[row] = texts.codeOf(record.traceId ?? null);
    columns.cause[row] = texts.codeOf(record.cause ?? null);
    columns.provider[row] = names.codeOf(record.provider ?? null);
    columns.binding[row] = names.codeOf(record.binding ?? null);
    columns.activated[row] = texts.codeOf(record.activated ?? null);
    columns.revision[row] = record.revision;
    columns.attempt[row] = record.attempt;
    columns.startedAt[row] = record.startedAt;
    columns.endedAt[row] = record.endedAt;
    columns.waitMs[row] = record.waitMs;
    columns.createMs[row] = record.createMs;
    columns.initMs[row] = record.initMs;
    columns.runMs[row] = record.runMs;
    columns.requestBytes[row] = record.requestBytes;
    columns.responseBytes[row] = record.responseBytes;
    columns.billedUnits[row] = record.billedUnits;
    columns.stepsMemoryMiB[row] = record.stepsMemoryMiB ?? 0;
    if (result === undefined || result === null) this.#addNoResult(row);
    else this.#addResult(row, result);
    this.#count++;
    this.#note(record);
  }

  /** What is kept of the call of the record in that row. */
  resultIn(row: number): CallResult | undefined {
    const columns = this.#columns;
    const status = columns.resultStatus[row] as number;
    if (status === 0) return undefined;
    const rules = this.texts[columns.rules[row] as number] as string | null;
    return {
      status,
      contentType: this.texts[columns.resultType[row] as number] as string | null,
      bytes: columns.resultBytes[row] as number,
      body: this.results.slice(row === 0 ? 0 : columns.resultEnd[row - 1], columns.resultEnd[row]),
      ...(rules === null ? undefined : { rules }),
    };
  }

  /** As they were added. */
  *[Symbol.iterator](): Generator<Activation> {
    for (let row = 0; row < this.#count; row++) yield recordIn(this.#columns, row, this.names, this.texts);
  }

  /** Empty again. */
  clear(): void {
    const isLarge = this.#room > Math.max(roomKept, 4 * this.#count);
    this.#count = 0;
    this.#rare = new Set();
    this.#names = new Texts();
    this.#texts = new Texts();
    this.#results.clear();
    if (isLarge) this.#moveTo(roomAtFirst);
  }

  #addResult(row: number, { status, contentType, bytes, body, rules }: CallResult): void {
    const columns = this.#columns;
    columns.resultStatus[row] = status;
    columns.resultType[row] = this.#texts.codeOf(contentType);
    columns.resultBytes[row] = bytes;
    columns.resultEnd[row] = this.#results.add(body);
    columns.rules[row] = rules === undefined ? 0 : this.#texts.codeOf(rules);
    this.#rare.add("result");
    if (rules !== undefined) this.#rare.add("rules");
  }

  #addNoResult(row: number): void {
    const columns = this.#columns;
    columns.resultStatus[row] = 0;
    columns.resultType[row] = 0;
    columns.resultBytes[row] = 0;
    columns.resultEnd[row] = this.#results.length;
    columns.rules[row] = 0;
  }

  #note({ cause, provider, binding, activated, stepsMemoryMiB }: Activation): void {
    if ((cause ?? provider ?? binding ?? activated ?? stepsMemoryMiB) === undefined) return;
    if (cause !== undefined) this.#rare.add("cause");
    if (provider !== undefined) this.#rare.add("provider");
    if (binding !== undefined) this.#rare.add("binding");
    if (activated !== undefined) this.#rare.add("activated");
    if (stepsMemoryMiB !== undefined) this.#rare.add("stepsMemoryMiB");
  }

  #moveTo(room: number): void {
    const filled = this.columns;
    this.#room = room;
    this.#memory = new SharedArrayBuffer(room * recordBytes);
    this.#columns = columnsOf(this.#memory, room, room);
    for (const name of [...codeColumns, ...numberColumns, "id"] as const) this.#columns[name].set(filled[name]);
  }
}

/** Texts by the order in which they came; 0 is none. */
class Texts {
  readonly values: (string | null)[] = [null];
  readonly #codes = new Map<string, number>();
  #characters = 0;

  get bytes(): number {
    return this.#characters * 2 + this.#codes.size * textOverheadBytes;
  }

  codeOf(text: string | null): number {
    if (text === null) return 0;
    return this.#codes.get(text) ?? this.#add(text);
  }

  #add(text: string): number {
    const code = this.values.push(text) - 1;
    this.#codes.set(text, code);
    this.#characters += text.length;
    return code;
  }
}

const textOverheadBytes = 64;

const statusCodes = codesOf(activationStatuses);
const startCodes = codesOf(startTypes);

function codesOf<Name extends string>(names: readonly Name[]): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name, code) => [name, code])) as Record<Name, number>;
}

/** Views of the first `count` of `room` records. Numbers come first, because their places are multiples of eight. */
function columnsOf(memory: SharedArrayBuffer, room: number, count: number): RecordColumns {
  let at = 0;
  const place = (bytes: number) => {
    at += bytes * room;
    return at - bytes * room;
  };
  return Object.fromEntries([
    ...numberColumns.map((name) => [name, new Float64Array(memory, place(8), count)]),
    ...codeColumns.map((name) => [name, new Uint32Array(memory, place(4), count)]),
    ["id", new Uint8Array(memory, place(idBytes), count * idBytes)],
  ]) as RecordColumns;
}

function recordIn(
  columns: RecordColumns,
  row: number,
  names: readonly (string | null)[],
  texts: readonly (string | null)[],
): Activation {
  const number = (column: Float64Array) => column[row] as number;
  const code = (column: Uint32Array) => column[row] as number;
  const nameOrNull = (column: Uint32Array) => names[code(column)] as string | null;
  const name = (column: Uint32Array) => names[code(column)] as string;
  const text = (column: Uint32Array) => texts[code(column)] as string;
  return {
    id: readId(columns.id, row * idBytes),
    namespace: name(columns.namespace),
    appId: nameOrNull(columns.app),
    functionId: name(columns.function),
    functionName: name(columns.functionName),
    revision: number(columns.revision),
    routeId: nameOrNull(columns.route),
    status: activationStatuses[code(columns.status)] as Activation["status"],
    start: startTypes[code(columns.start)] as Activation["start"],
    attempt: number(columns.attempt),
    error: columns.errorCode[row] === 0 ? null : { code: text(columns.errorCode), message: text(columns.errorMessage) },
    startedAt: number(columns.startedAt),
    endedAt: number(columns.endedAt),
    waitMs: number(columns.waitMs),
    createMs: number(columns.createMs),
    initMs: number(columns.initMs),
    runMs: number(columns.runMs),
    requestBytes: number(columns.requestBytes),
    responseBytes: number(columns.responseBytes),
    billedUnits: number(columns.billedUnits),
    ...(columns.trace[row] === 0 ? undefined : { traceId: text(columns.trace) }),
    ...(columns.cause[row] === 0 ? undefined : { cause: text(columns.cause) }),
    ...(columns.provider[row] === 0 ? undefined : { provider: name(columns.provider) }),
    ...(columns.binding[row] === 0 ? undefined : { binding: name(columns.binding) }),
    ...(columns.activated[row] === 0 ? undefined : { activated: "trigger" as const }),
    ...(columns.stepsMemoryMiB[row] === 0 ? undefined : { stepsMemoryMiB: number(columns.stepsMemoryMiB) }),
  };
}
