/** What the platform keeps and tells of calls and of itself, put together: logs, their readers, metrics, health, retention. */
import { statfs } from "node:fs/promises";
import type { Agent } from "../agent/agent.ts";
import type { AgentStats } from "../agent/stats.ts";
import type { Config } from "../config/config.ts";
import { linesOf } from "../events/rule-outcomes.ts";
import type { FailedCall } from "../invocation/dispatch.ts";
import type { Calls, CallStats } from "../invocation/invocation.ts";
import type { Images } from "../image/image.ts";
import type { Recorder } from "../invocation/record.ts";
import type { World } from "../lib/world.ts";
import { LogCollector } from "../logs/collector.ts";
import type { LogStore } from "../logs/logs.ts";
import { SyslogForwarder } from "../logs/syslog/forwarder.ts";
import { LogTail } from "../logs/tail.ts";
import type { PlatformError } from "../model/error.ts";
import type { Activation } from "../model/model.ts";
import { inspect } from "../sandbox/bubblewrap/capabilities.ts";
import type { Queue } from "../queue/queue.ts";
import type { SandboxDriver } from "../sandbox/sandbox.ts";
import type { Database } from "../sql/sql.ts";
import type { Store } from "../store/store.ts";
import { type FnFigures, fnFamilies, FnRequests } from "../telemetry/fn-metrics.ts";
import { Health } from "../telemetry/health.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { processMetrics } from "../telemetry/process.ts";
import { family, familyBy, type HealthCheck, type MetricFamily } from "../telemetry/telemetry.ts";
import { Retention } from "./retention.ts";

export interface ObserverParts {
  readonly config: Config;
  readonly world: World;
  readonly logger: Logger;
  readonly database: Database;
  readonly store: Store;
  readonly logStore: LogStore;
  readonly queue: Pick<Queue, "pruneDead">;
  readonly driver: SandboxDriver;
}

/** Whose figures are read with each scrape. */
export interface Watched {
  readonly agent: Pick<Agent, "stats" | "sandboxesByFunction">;
  readonly calls: Pick<Calls, "stats">;
  readonly images: Pick<Images, "removeUnused">;
  readonly recorder: Pick<Recorder, "waiting" | "addedSince" | "lastPlace">;
}

/** Below this the data folder's disk counts as full: new calls would soon have nowhere to leave their records. */
const freeBytesMin = 32 * 1024 * 1024;

const mebibyte = 1024 * 1024;

/** One for a platform. */
export class Observer {
  readonly metrics: Metrics;
  readonly health: Health;
  readonly collector: LogCollector;
  readonly tail: LogTail;
  readonly syslog: SyslogForwarder;
  /** To Fn's management API. */
  readonly requests = new FnRequests();
  readonly #logger: Logger;
  readonly #logStore: LogStore;
  readonly #process: ReturnType<typeof processMetrics>;
  readonly #retention: Retention;
  #endedSince: Recorder["addedSince"] = async function* () {};
  /** Errors that were logged with their call; a door that passes one on must not log it again. */
  readonly #told = new WeakSet<object>();

  constructor(parts: ObserverParts) {
    const { world, logger, store, logStore } = parts;
    this.#logger = logger;
    this.#logStore = logStore;
    this.metrics = new Metrics({ appName: async (namespace, id) => (await store.apps.get(namespace, id))?.name });
    this.health = new Health(world);
    this.collector = new LogCollector({
      store: logStore,
      world,
      bytesMax: parts.config.logCallBytesMax,
      onLoss: (count, err) => logger.error("Lines that functions printed were lost", { count, err }),
      onKept: (entries, positions) => {
        this.tail.kept(entries, positions);
        this.syslog.kept(entries);
      },
    });
    this.syslog = new SyslogForwarder({
      world,
      allowed: parts.config.syslogReceivers,
      urlOf: async (namespace, appId) => (await store.apps.get(namespace, appId))?.syslogUrl ?? null,
      say: (sentence, about) => logger.warn(sentence, about),
    });
    const read = (record: Activation) => linesOf({ logs: this.collector, store }, record);
    const endedSince = (namespace: string, id: string) => this.#endedSince(namespace, id);
    this.tail = new LogTail({ world, store: logStore, read, endedSince });
    this.#process = processMetrics(world.now() - process.uptime() * 1000, world);
    this.metrics.add(this.#process.source);
    this.metrics.add(() => [...logFamilies(this.collector, this.tail), ...syslogFamilies(this.syslog)]);
    for (const check of [diskCheck(parts), storeCheck(parts), sandboxCheck(parts)]) this.health.add(check);
    this.#retention = new Retention(parts);
    this.metrics.add(() => retentionFamilies(this.#retention));
  }

  /** What the doors read. */
  get logs() {
    const { collector, tail } = this;
    const read: LogStore["read"] = (namespace, id) => collector.read(namespace, id);
    const list: LogStore["list"] = (namespace, filter, page) => this.#logStore.list(namespace, filter, page);
    return { read, list, flush: () => collector.flush(), tail };
  }

  /** Hears of every record. An event is no call. */
  readonly heard = (record: Activation): void => {
    if (record.activated === undefined) this.metrics.calls.ended(record);
    this.tail.ended(record);
  };

  /** Hears of every failure: counts limits, and logs what is our fault, once. */
  readonly failed = (error: PlatformError, { namespace, activationId, traceId }: FailedCall): void => {
    const { limit } = error.details;
    if (typeof limit === "string") this.metrics.calls.refused(namespace, limit);
    if (error.code !== "internal" || activationId === null) return;
    const err = error.cause ?? error;
    this.#told.add(error);
    if (typeof err === "object" && err !== null) this.#told.add(err);
    this.#logger.error("A call failed by our fault", { err, namespace, activationId, ...(traceId === null ? {} : { traceId }) });
  };

  /** A door met an error that is ours. */
  readonly bug = (err: unknown, requestId?: string): void => {
    if (typeof err === "object" && err !== null && this.#told.has(err)) return;
    this.#logger.error("A request failed by our fault", { err, ...(requestId === undefined ? {} : { requestId }) });
  };

  /** Adds the figures of those who run calls. */
  watch({ agent, calls, recorder, images }: Watched): void {
    this.#retention.tidy(images);
    this.#endedSince = (namespace, id) => recorder.addedSince(namespace, id);
    // Without it the first readers of this process cannot come back to ends of calls; whatever is wrong with the store is told elsewhere.
    recorder.lastPlace().then(
      (place) => this.tail.began(`@${place}`),
      () => {},
    );
    this.metrics.add(() => agentFamilies(agent.stats()));
    this.metrics.add((visible) => fnFamilies(this.metrics.calls, fnFigures(agent), visible));
    this.metrics.add(() => this.requests.families());
    this.metrics.add(async () => callFamilies(await calls.stats()));
    this.metrics.add(() => [family("gauge", "records_waiting", "Records that wait for the disk", recorder.waiting)]);
    this.health.add({ name: "queue", look: async () => (await calls.stats()).paused });
  }

  /** The server stops: readers end, and whoever asks hears that it is not ready. */
  drain(): void {
    this.health.drain();
    this.tail.close();
  }

  async close(): Promise<void> {
    await this.#retention.close();
    this.#process.stop();
    await this.collector.close();
    await this.syslog.close();
  }
}

function fnFigures(agent: Watched["agent"]): FnFigures {
  const { calls, waiting, memory, evictionsTotal } = agent.stats();
  const usedBytes = memory.promisedMiB * mebibyte;
  return {
    calls,
    waiting,
    memory: { usedBytes, availableBytes: Math.max(0, memory.budgetMiB * mebibyte - usedBytes) },
    evictions: evictionsTotal,
    sandboxes: [...agent.sandboxesByFunction().values()].map(({ fn, counts }) => ({
      namespace: fn.namespace,
      appId: fn.appId,
      functionId: fn.id,
      image: fn.source.type === "image" ? fn.source.image : fn.source.type === "sequence" ? fn.source.type : fn.source.kind,
      counts,
    })),
  };
}

function agentFamilies(stats: AgentStats): MetricFamily[] {
  const { sandboxes, memory } = stats;
  return [
    familyBy("gauge", "sandboxes", "Sandboxes by what they do", "state", { ...sandboxes }),
    familyBy("gauge", "provisioned_sandboxes", "Sandboxes that are to be kept ready, and are", "state", { ...stats.provisioned }),
    familyBy("gauge", "stem_cells", "Sandboxes that wait for code", "state", { ...stats.stemCells }),
    familyBy("gauge", "sandbox_memory_bytes", "Memory of sandboxes: used, promised, and what may be promised", "kind", {
      used: memory.usedMiB * mebibyte,
      promised: memory.promisedMiB * mebibyte,
      budget: memory.budgetMiB * mebibyte,
    }),
    family("gauge", "calls_waiting", "Calls that wait for a slot", stats.waiting),
    family("counter", "evictions_total", "Idle sandboxes ended to make room for others", stats.evictionsTotal),
    family("counter", "freezes_total", "Sandboxes frozen", stats.freezesTotal),
    family("counter", "thaws_total", "Sandboxes thawed", stats.thawsTotal),
    familyBy("counter", "replacements_total", "Sandboxes replaced because of what they held or how old they were", "reason", {
      ...stats.replacementsTotal,
    }),
    familyBy("counter", "starts_total", "Calls by how they found their sandbox", "start", { ...stats.startsTotal }),
  ];
}

function callFamilies(stats: CallStats): MetricFamily[] {
  return [
    familyBy("gauge", "queue_calls", "Asynchronous calls that are not over, and dead letters", "state", {
      ready: stats.ready,
      leased: stats.leased,
      running: stats.running,
      dead: stats.deadLetters,
    }),
    family("gauge", "queue_oldest_seconds", "Age of the oldest call in the queue", stats.oldestMs / 1000),
    family("gauge", "queue_paused", "1 while nothing is taken from the queue", stats.paused === null ? 0 : 1),
    familyBy("counter", "async_calls_total", "Asynchronous calls since the start, by what was done with them", "event", {
      accepted: stats.counts.accepted,
      attempted: stats.counts.attempts,
      succeeded: stats.counts.succeeded,
      retried: stats.counts.retries,
      dead_lettered: stats.counts.deadLettered,
      cancelled: stats.counts.cancelled,
    }),
  ];
}

function logFamilies({ counts }: LogCollector, { readers }: LogTail): MetricFamily[] {
  return [
    familyBy("counter", "log_lines_total", "Lines that functions printed", "outcome", {
      kept: counts.keptLines,
      lost: counts.lostLines,
    }),
    family("counter", "log_cut_bytes_total", "Bytes over the limit of their call", counts.cutBytes),
    family("gauge", "log_lines_waiting", "Lines that wait for the disk", counts.pendingLines),
    family("gauge", "log_readers", "Readers that follow logs", readers),
  ];
}

function syslogFamilies({ counts }: SyslogForwarder): MetricFamily[] {
  return [
    familyBy("counter", "syslog_lines_total", "Lines for syslog receivers of apps", "outcome", {
      sent: counts.sent,
      dropped: counts.dropped,
    }),
    family("gauge", "syslog_lines_waiting", "Lines that wait for a syslog receiver", counts.waiting),
    family("gauge", "syslog_receivers", "Syslog receivers that are sent to", counts.receivers),
  ];
}

function retentionFamilies({ deadLettersRemoved }: Retention): MetricFamily[] {
  const about = "Dead letters removed because they were too old or too many";
  return [family("counter", "dead_letters_removed_total", about, deadLettersRemoved)];
}

function diskCheck({ config }: ObserverParts): HealthCheck {
  return {
    name: "disk",
    async look() {
      const { bavail, bsize } = await statfs(config.data);
      if (bavail * bsize >= freeBytesMin) return null;
      return `The data folder's disk has only ${Math.floor((bavail * bsize) / 1024)} KiB free: remove something or lower the retention`;
    },
  };
}

/** A commit with nothing in it: it goes the whole way to the disk. */
function storeCheck({ database }: ObserverParts): HealthCheck {
  return {
    name: "store",
    async look() {
      await database.write([]);
      return null;
    },
  };
}

function sandboxCheck({ driver }: ObserverParts): HealthCheck {
  return {
    name: "sandbox",
    async look() {
      const trouble = (await driver.trouble?.()) ?? null;
      if (trouble !== null || driver.name !== "bubblewrap") return trouble;
      const { usable, missing } = inspect();
      return usable ? null : missing.map(({ what, fix }) => `${what}: ${fix}`).join("; ");
    },
  };
}
