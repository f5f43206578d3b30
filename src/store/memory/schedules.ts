import type { Schedule } from "../../model/schedule.ts";
import { toPage } from "../page.ts";
import { missing, refuse } from "../refusals.ts";
import type { Page, PageRequest, Schedules } from "../store.ts";
import { compareBytes } from "./order.ts";

/** Schedules in a list. */
export class MemorySchedules implements Schedules {
  readonly #hasTrigger: (namespace: string, id: string) => boolean;
  #all: readonly Schedule[] = [];

  constructor(hasTrigger: (namespace: string, id: string) => boolean) {
    this.#hasTrigger = hasTrigger;
  }

  async put(schedule: Schedule): Promise<void> {
    const { namespace, triggerId, trigger } = schedule;
    if (!this.#hasTrigger(namespace, triggerId)) throw refuse(missing("Trigger", trigger));
    this.dropOf(namespace, triggerId);
    this.#all = [...this.#all, structuredClone(schedule)];
  }

  async get(namespace: string, trigger: string): Promise<Schedule | undefined> {
    return structuredClone(this.#all.find((each) => each.namespace === namespace && each.trigger === trigger));
  }

  async remove(namespace: string, trigger: string): Promise<void> {
    const found = await this.get(namespace, trigger);
    if (found === undefined) throw refuse(missing("Schedule", trigger));
    this.dropOf(namespace, found.triggerId);
  }

  /** The trigger is gone. */
  dropOf(namespace: string, triggerId: string): void {
    this.#all = this.#all.filter((each) => each.namespace !== namespace || each.triggerId !== triggerId);
  }

  async list(namespace: string, page: PageRequest): Promise<Page<Schedule>> {
    const found = this.#all
      .filter((each) => each.namespace === namespace && compareBytes(each.trigger, page.after ?? "") > 0)
      .toSorted((one, other) => compareBytes(one.trigger, other.trigger));
    return toPage(structuredClone(found.slice(0, page.limit + 1)), page.limit, ({ trigger }) => trigger);
  }

  async due(at: number, limit: number): Promise<readonly Schedule[]> {
    return structuredClone(
      this.#coming()
        .filter(({ nextAt }) => nextAt <= at)
        .slice(0, limit),
    );
  }

  async nextAt(): Promise<number | null> {
    return this.#coming()[0]?.nextAt ?? null;
  }

  async advance(schedule: Schedule): Promise<void> {
    this.#all = this.#all.map((each) => (each.id === schedule.id ? structuredClone(schedule) : each));
  }

  #coming(): (Schedule & { readonly nextAt: number })[] {
    const coming = this.#all.flatMap((each) => (each.nextAt === null ? [] : [{ ...each, nextAt: each.nextAt }]));
    return coming.toSorted((one, other) => one.nextAt - other.nextAt);
  }
}
