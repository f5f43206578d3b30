/**
 * Sends what functions print to the syslog receivers of their apps, besides keeping it.
 *
 * Promises: off the path of every call; in order for each app; bounded memory however long a receiver is away, and what had to be dropped
 * is counted and told, in the log and to the receiver. Deliberately absent: refusing calls because a receiver is away.
 */
import { hostname } from "node:os";
import type { World } from "../../lib/world.ts";
import type { LogEntry } from "../logs.ts";
import { hostnameOf, syslogMessage } from "./format.ts";
import { SyslogSender, type SyslogRoom } from "./sender.ts";
import { isAllowed, parseTarget } from "./target.ts";
import { UnixDatagrams } from "./unix-datagrams.ts";
import { connectSyslog } from "./wire.ts";

export interface ForwarderParts {
  readonly world: World;
  /** The URL of an app's receiver; null: it has none, or is gone. */
  readonly urlOf: (namespace: string, appId: string) => Promise<string | null>;
  /** See `isAllowed`. */
  readonly allowed: readonly string[];
  readonly say: (sentence: string, about: { readonly url: string; readonly reason?: string; readonly count?: number }) => void;
  readonly bytesMax?: number;
  readonly senderBytesMax?: number;
}

export interface SyslogCounts {
  readonly sent: number;
  readonly dropped: number;
  readonly waiting: number;
  readonly receivers: number;
}

/** An app's URL is looked up again after so many ms, or when somebody says that apps have changed. */
const knownMs = 5000;
/** A connection that nothing was sent on for so long is closed. */
const idleMs = 60_000;
const sweepEveryMs = 10_000;
const closeMs = 2000;

/** What is known of an app. `entries`: what came while its URL is looked up. */
type Known =
  | { readonly state: "asking"; readonly entries: LogEntry[] }
  | { readonly state: "known"; readonly at: number; readonly sender: SyslogSender | null };

export class SyslogForwarder {
  readonly #parts: ForwarderParts;
  readonly #hostname = hostnameOf(hostname());
  readonly #room: SyslogRoom;
  readonly #datagrams: UnixDatagrams;
  readonly #apps = new Map<string, Known>();
  readonly #senders = new Map<string, SyslogSender>();
  /** URLs that cannot be used, which are told once. */
  readonly #refused = new Set<string>();
  /** Of senders that are gone, and of lines that never had one. */
  #past = { sent: 0, dropped: 0 };
  #sweeping: (() => void) | null = null;
  #closed = false;

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
    const { bytesMax = 32 * 1024 * 1024, senderBytesMax = 4 * 1024 * 1024 } = parts;
    this.#room = { bytes: 0, bytesMax, senderBytesMax };
    this.#datagrams = new UnixDatagrams(parts.world);
  }

  /** Lines that are kept now. Never throws. */
  kept(entries: readonly LogEntry[]): void {
    for (const entry of entries) if (entry.appId !== null && !this.#closed) this.#send(entry, entry.appId);
  }

  /** Apps were changed: their URLs are looked up again. */
  changed(): void {
    for (const [appId, { state }] of this.#apps) if (state === "known") this.#apps.delete(appId);
  }

  get counts(): SyslogCounts {
    const senders = [...this.#senders.values()];
    const sum = (pick: (sender: SyslogSender) => number) => senders.reduce((total, sender) => total + pick(sender), 0);
    return {
      sent: this.#past.sent + sum(({ sent }) => sent),
      dropped: this.#past.dropped + sum(({ dropped }) => dropped),
      waiting: sum(({ waiting }) => waiting),
      receivers: senders.length,
    };
  }

  /** What waits gets two seconds to be sent. */
  async close(): Promise<void> {
    // The last lines may have come a moment ago.
    const asked = [...this.#apps.values()].some(({ state }) => state === "asking");
    if (asked) await new Promise<void>((resolve) => this.#parts.world.after(50, resolve));
    this.#closed = true;
    this.#sweeping?.();
    await Promise.all([...this.#senders.values()].map((sender) => sender.close(closeMs)));
    this.#datagrams.close();
  }

  #send(entry: LogEntry, appId: string): void {
    const known = this.#apps.get(appId);
    if (known?.state === "asking") return this.#later(known.entries, entry);
    if (known !== undefined && this.#parts.world.monotonic() - known.at < knownMs) {
      known.sender?.add(syslogMessage(entry, this.#hostname));
      return;
    }
    const entries = [entry];
    this.#apps.set(appId, { state: "asking", entries });
    void this.#ask(entry.namespace, appId, entries);
  }

  /** Entries are counted roughly here: looking up takes a moment only. */
  #later(entries: LogEntry[], entry: LogEntry): void {
    if (entries.length < 50_000) entries.push(entry);
    else this.#past.dropped++;
  }

  async #ask(namespace: string, appId: string, entries: readonly LogEntry[]): Promise<void> {
    const url = await this.#parts.urlOf(namespace, appId).catch(() => null);
    const sender = url === null || url === "" ? null : this.#senderOf(url, entries.length);
    this.#apps.set(appId, { state: "known", at: this.#parts.world.monotonic(), sender });
    for (const entry of entries) sender?.add(syslogMessage(entry, this.#hostname));
    this.#sweepLater();
  }

  /** Null for a URL that cannot be used. */
  #senderOf(url: string, count: number): SyslogSender | null {
    const known = this.#senders.get(url);
    if (known !== undefined) return known;
    const target = parseTarget(url);
    if ("fault" in target) return this.#refuse(url, target.fault, count);
    if (!isAllowed(target, this.#parts.allowed))
      return this.#refuse(url, "it is not among the receivers that are allowed (syslogReceivers)", count);
    const { world, say } = this.#parts;
    const sender = new SyslogSender({
      world,
      hostname: this.#hostname,
      room: this.#room,
      connect: () => connectSyslog(target, world, this.#datagrams),
      failed: (error) => say("A syslog receiver takes no lines; trying again", { url, reason: messageOf(error) }),
      recovered: (lost) => say("A syslog receiver takes lines again; so many were lost", { url, count: lost }),
    });
    this.#senders.set(url, sender);
    return sender;
  }

  #refuse(url: string, reason: string, count: number): null {
    this.#past.dropped += count;
    if (this.#refused.size > 1000) this.#refused.clear();
    if (!this.#refused.has(url)) this.#parts.say("Lines can't be sent to a syslog receiver", { url, reason });
    this.#refused.add(url);
    return null;
  }

  /** Forgets apps that print nothing, and closes what nobody uses. */
  #sweepLater(): void {
    if (this.#closed || this.#sweeping !== null) return;
    this.#sweeping = this.#parts.world.after(sweepEveryMs, () => {
      this.#sweeping = null;
      const now = this.#parts.world.monotonic();
      for (const [appId, known] of this.#apps) if (known.state === "known" && now - known.at >= knownMs) this.#apps.delete(appId);
      for (const [url, sender] of this.#senders) if (sender.quiet && now - sender.usedAt >= idleMs) this.#end(url, sender);
      if (this.#apps.size + this.#senders.size > 0) this.#sweepLater();
    });
  }

  #end(url: string, sender: SyslogSender): void {
    this.#senders.delete(url);
    this.#past.sent += sender.sent;
    this.#past.dropped += sender.dropped;
    void sender.close(0);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error);
}
