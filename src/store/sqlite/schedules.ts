import type { Schedule } from "../../model/schedule.ts";
import type { Database, Row } from "../../sql/sql.ts";
import { toPage } from "../page.ts";
import { missing } from "../refusals.ts";
import type { Page, PageRequest, Schedules } from "../store.ts";

/** Schedules as rows. */
export class SqliteSchedules implements Schedules {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async put(schedule: Schedule): Promise<void> {
    const { namespace, triggerId, trigger, id, nextAt } = schedule;
    await this.#database.write([
      {
        sql: "SELECT 1 FROM triggers WHERE namespace = ? AND id = ?",
        params: [namespace, triggerId],
        oneRowElse: missing("Trigger", trigger),
      },
      {
        sql: `INSERT INTO schedules (namespace, trigger_id, trigger_name, id, next_at, schedule_json) VALUES (?, ?, ?, ?, ?, ?)
          ON CONFLICT (namespace, trigger_id) DO UPDATE SET id = excluded.id, next_at = excluded.next_at, schedule_json = excluded.schedule_json`,
        params: [namespace, triggerId, trigger, id, nextAt, JSON.stringify(schedule)],
      },
    ]);
  }

  async get(namespace: string, trigger: string): Promise<Schedule | undefined> {
    const [row] = await this.#rows("namespace = ? AND trigger_name = ?", [namespace, trigger]);
    return row;
  }

  remove(namespace: string, trigger: string): Promise<void> {
    const sql = "DELETE FROM schedules WHERE namespace = ? AND trigger_name = ?";
    return this.#database.write([{ sql, params: [namespace, trigger], oneRowElse: missing("Schedule", trigger) }]);
  }

  async list(namespace: string, page: PageRequest): Promise<Page<Schedule>> {
    const condition = "namespace = ? AND trigger_name > ? ORDER BY trigger_name LIMIT ?";
    const found = await this.#rows(condition, [namespace, page.after ?? "", page.limit + 1]);
    return toPage(found, page.limit, ({ trigger }) => trigger);
  }

  due(at: number, limit: number): Promise<readonly Schedule[]> {
    return this.#rows("next_at <= ? ORDER BY next_at LIMIT ?", [at, limit]);
  }

  async nextAt(): Promise<number | null> {
    const [row] = await this.#database.read("SELECT min(next_at) AS next FROM schedules WHERE next_at IS NOT NULL", []);
    return row?.next == null ? null : Number(row.next);
  }

  advance(schedule: Schedule): Promise<void> {
    const { namespace, triggerId, id, nextAt } = schedule;
    const sql = "UPDATE schedules SET next_at = ?, schedule_json = ? WHERE namespace = ? AND trigger_id = ? AND id = ?";
    return this.#database.write([{ sql, params: [nextAt, JSON.stringify(schedule), namespace, triggerId, id] }]);
  }

  async #rows(condition: string, params: readonly (string | number)[]): Promise<readonly Schedule[]> {
    const rows = await this.#database.read(`SELECT schedule_json FROM schedules WHERE ${condition}`, params);
    return rows.map(scheduleIn);
  }
}

function scheduleIn(row: Row): Schedule {
  return JSON.parse(String(row.schedule_json)) as Schedule;
}
