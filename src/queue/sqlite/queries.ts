/** The statements on the queue's tables, and their rows as what they stand for. */
import { crc32 } from "node:zlib";
import type { BulkColumn, BulkStatement, Row, WriteStatement } from "../../sql/sql.ts";
import { piecesColumn, textColumn } from "../../sql/sqlite/columns.ts";
import {
  type DeadLetter,
  type Delivery,
  type Failure,
  inlineBytesMax,
  type Lane,
  type NewMessage,
  type Waiting,
} from "../queue.ts";

export const releaseAll = "UPDATE queue_messages SET leased = 0, suspect = 1 WHERE leased = 1";
export const selectLanes =
  "SELECT namespace, lane, suspect, count(*) AS ready, min(due_at) AS due_at FROM queue_messages INDEXED BY queue_ready WHERE leased = 0 GROUP BY namespace, lane, suspect";
export const shiftTimes = "UPDATE queue_messages SET due_at = due_at + ?, expires_at = expires_at + ?";
export const takeDue = `UPDATE queue_messages SET leased = 1, lease = lease + 1, attempt = attempt + 1 WHERE seq IN (
    SELECT seq FROM queue_messages INDEXED BY queue_ready
    WHERE leased = 0 AND namespace = ? AND lane = ? AND suspect = ? AND due_at <= ? ORDER BY due_at, seq LIMIT ?
  ) RETURNING seq, id, head, body, body_bytes, checksum, attempt, lease, due_at, sent_at, expires_at, cancelled, failures_json`;
export const selectNextDue =
  "SELECT min(due_at) AS next_due FROM queue_messages INDEXED BY queue_ready WHERE leased = 0 AND namespace = ? AND lane = ? AND suspect = ?";
export const markSuspect = "UPDATE queue_messages SET leased = 0, suspect = 1, due_at = ? WHERE id = ?";
export const markCancelled =
  "UPDATE queue_messages SET cancelled = 1, due_at = CASE leased WHEN 0 THEN 0 ELSE due_at END WHERE namespace = ? AND id = ? RETURNING lane, suspect, leased";
export const selectWaiting = "SELECT * FROM queue_messages WHERE namespace = ? AND id = ?";
export const selectWaitingPage = `SELECT id, namespace, lane, head, leased, attempt, sent_at, due_at, cancelled FROM queue_messages INDEXED BY queue_by_lane
  WHERE namespace = ? AND lane = ? AND id < ? ORDER BY id DESC LIMIT ?`;
/** Greater than every id. */
export const endOfIds = "~";
export const selectBody = `SELECT coalesce(m.body, b.body) AS body, m.checksum FROM queue_messages AS m LEFT JOIN queue_bodies AS b ON b.id = m.id WHERE m.namespace = ? AND m.id = ?
  UNION ALL SELECT coalesce(d.body, b.body), d.checksum FROM queue_dead AS d LEFT JOIN queue_bodies AS b ON b.id = d.id WHERE d.namespace = ? AND d.id = ?`;
export const selectDead = "SELECT * FROM queue_dead WHERE namespace = ? AND id = ?";
export const insertRedriven = `INSERT INTO queue_messages (id, namespace, lane, due_at, sent_at, expires_at, age_ms_max, head, body, body_bytes, checksum)
  SELECT ?, namespace, lane, ?, ?, ? + age_ms_max, age_ms_max, ?, body, body_bytes, checksum
  FROM queue_dead WHERE namespace = ? AND id = ? RETURNING lane`;
export const renameBody = "UPDATE queue_bodies SET id = ? WHERE id = ?";
export const deleteDead = "DELETE FROM queue_dead WHERE namespace = ? AND id = ?";
export const deleteBody = "DELETE FROM queue_bodies WHERE id = ?";
/**
 * Along the order of dying, which is nearly that of time and needs no index; letters that a clock dated ahead of its time go when it
 * is past.
 */
export const selectOldDead = "SELECT seq, id, died_at FROM queue_dead ORDER BY seq LIMIT ?";
export const selectCrowded = "SELECT namespace, count(*) AS count FROM queue_dead GROUP BY namespace HAVING count(*) > ? LIMIT 1";
export const selectOldestDeadOf = "SELECT seq, id FROM queue_dead WHERE namespace = ? ORDER BY seq LIMIT ?";
export const selectStats =
  "SELECT (SELECT count(*) FROM queue_dead) AS dead, (SELECT sent_at FROM queue_messages ORDER BY seq LIMIT 1) AS oldest";
const deleteMessage = "DELETE FROM queue_messages WHERE id = ?";

/** Dead letters, newest first. */
export function selectDeadPage(lane: string | undefined, after: string | undefined): string {
  const conditions = ["namespace = ?"];
  if (lane !== undefined) conditions.push("lane = ?");
  if (after !== undefined) conditions.push("seq < ?");
  return `SELECT * FROM queue_dead WHERE ${conditions.join(" AND ")} ORDER BY seq DESC LIMIT ?`;
}

/** `held`: they are on lease already, for the first time. */
export function insertMessages(
  messages: readonly NewMessage[],
  now: number,
  state: "waiting" | "held" = "waiting",
): WriteStatement[] {
  if (messages.length === 0) return [];
  const numbers = (value: (message: NewMessage) => number) => Float64Array.from(messages, value);
  const columns = {
    id: messages.map(({ id }) => id),
    namespace: textColumn(messages.map(({ namespace }) => namespace)),
    lane: textColumn(messages.map(({ lane }) => lane)),
    due_at: numbers(({ delayMs }) => now + delayMs),
    sent_at: numbers(() => now),
    expires_at: numbers(({ ageMsMax }) => now + ageMsMax),
    age_ms_max: numbers(({ ageMsMax }) => ageMsMax),
    head: messages.map(({ head }) => head),
    body: bodies(messages),
    body_bytes: numbers(({ body }) => body.length),
    checksum: numbers(({ body }) => crc32(body)),
    ...(state === "held" ? heldOnce(messages.length) : undefined),
  };
  return [{ into: "queue_messages", columns, whenTaken: "refuse" }, ...insertBodies(messages)];
}

/** What is left out has the table's defaults. */
function heldOnce(count: number) {
  const ones = new Float64Array(count).fill(1);
  return { leased: ones, lease: ones, attempt: ones };
}

/** Null: it is apart. */
function bodies(messages: readonly NewMessage[]): BulkColumn {
  if (messages.some(({ body }) => isLarge(body))) return messages.map(({ body }) => (isLarge(body) ? null : ownBytes(body)));
  return piecesColumn(messages.map(({ body }) => body));
}

function insertBodies(messages: readonly NewMessage[]): BulkStatement[] {
  const large = messages.filter(({ body }) => isLarge(body));
  if (large.length === 0) return [];
  const columns = [large.map(({ id }) => id), large.map(({ body }) => ownBytes(body))];
  return [{ sql: "INSERT INTO queue_bodies (id, body) VALUES (?, ?)", columns }];
}

export function isLarge(body: Uint8Array): boolean {
  return body.length > inlineBytesMax;
}

/** A small view of a large buffer would take all of it along to the thread. */
function ownBytes(body: Uint8Array): Uint8Array {
  return body.length === body.buffer.byteLength ? body : new Uint8Array(body);
}

/** Removes messages; `large`: those whose body is apart. */
export function deleteMessages(ids: readonly string[], large: readonly string[]): BulkStatement[] {
  return [
    ...(ids.length > 0 ? [{ sql: deleteMessage, columns: [ids] }] : []),
    ...(large.length > 0 ? [{ sql: deleteBody, columns: [large] }] : []),
  ];
}

/** A letter that was redriven meanwhile has another id and stays; so does its body. */
export function deleteDeadLetters(rows: readonly Row[]): BulkStatement[] {
  const ids = rows.map(({ id }) => String(id));
  return [
    { sql: "DELETE FROM queue_dead WHERE seq = ?", columns: [Float64Array.from(rows, ({ seq }) => Number(seq))] },
    { sql: deleteBody, columns: [ids] },
  ];
}

export interface Again {
  readonly id: string;
  readonly dueAt: number;
  readonly uncounted: 0 | 1;
  readonly failuresJson: string;
}

export function putBack(messages: readonly Again[]): BulkStatement[] {
  if (messages.length === 0) return [];
  const sql =
    "UPDATE queue_messages SET leased = 0, suspect = 0, due_at = ?, attempt = attempt - ?, failures_json = ? WHERE id = ?";
  const columns = [
    Float64Array.from(messages, ({ dueAt }) => dueAt),
    Float64Array.from(messages, ({ uncounted }) => uncounted),
    messages.map(({ failuresJson }) => failuresJson),
    messages.map(({ id }) => id),
  ];
  return [{ sql, columns }];
}

export interface Given {
  readonly id: string;
  readonly failuresJson: string;
}

/** Moves messages to the dead letters; a large body stays where it is. */
export function moveToDead(messages: readonly Given[], now: number): BulkStatement[] {
  if (messages.length === 0) return [];
  const kept = "id, namespace, lane, sent_at, age_ms_max, attempt, head, body, body_bytes, checksum";
  const sql = `INSERT INTO queue_dead (${kept}, died_at, failures_json) SELECT ${kept}, ?, ? FROM queue_messages WHERE id = ?`;
  const ids = messages.map(({ id }) => id);
  const columns = [messages.map(() => now), messages.map(({ failuresJson }) => failuresJson), ids];
  return [{ sql, columns }, ...deleteMessages(ids, [])];
}

export function toDelivery(row: Row, lane: Lane, now: number): Delivery {
  const body = row.body instanceof Uint8Array ? row.body : null;
  return {
    receipt: { id: String(row.id), lease: Number(row.lease) },
    id: String(row.id),
    lane,
    head: String(row.head),
    body,
    bodyBytes: Number(row.body_bytes),
    attempt: Number(row.attempt),
    sentAt: Number(row.sent_at),
    expired: Number(row.expires_at) < now,
    cancelled: row.cancelled === 1,
    damaged: body !== null && crc32(body) !== row.checksum,
    failures: toFailures(row),
  };
}

export function toWaiting(row: Row): Waiting {
  return {
    id: String(row.id),
    namespace: String(row.namespace),
    lane: String(row.lane),
    head: String(row.head),
    leased: row.leased === 1,
    attempt: Number(row.attempt),
    sentAt: Number(row.sent_at),
    dueAt: Number(row.due_at),
    cancelled: row.cancelled === 1,
  };
}

export function toDead(row: Row): DeadLetter {
  return {
    id: String(row.id),
    namespace: String(row.namespace),
    lane: String(row.lane),
    head: String(row.head),
    bodyBytes: Number(row.body_bytes),
    attempt: Number(row.attempt),
    sentAt: Number(row.sent_at),
    diedAt: Number(row.died_at),
    failures: toFailures(row),
  };
}

function toFailures(row: Row): readonly Failure[] {
  return row.failures_json === "[]" ? [] : (JSON.parse(String(row.failures_json)) as Failure[]);
}
