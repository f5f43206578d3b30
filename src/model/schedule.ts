/** Fires a trigger by the clock, as long as that is there. Each trigger has one at most. */
export interface Schedule {
  /** Another one each time that it is set. */
  readonly id: string;
  readonly namespace: string;
  readonly triggerId: string;
  readonly trigger: string;
  readonly timing: Timing;
  /** Fires before and after are none; null: no bound. Milliseconds since the epoch, as every `...At`. */
  readonly startsAt: number | null;
  readonly endsAt: number | null;
  /** It ends after so many. */
  readonly firesMax: number | null;
  /** What is made up for when the platform was down: of all that was missed one fire, or none. */
  readonly missed: "once" | "skip";
  /** What goes when it is over. */
  readonly afterwards: "nothing" | "trigger" | "trigger and rules";
  /** JSON text: the event. */
  readonly payload: string;
  /** Kept for whoever set it, as it was given. */
  readonly note: unknown;
  /** Null: it is over. */
  readonly nextAt: number | null;
  readonly fired: number;
  readonly createdAt: number;
}

/** When. A cron expression has five fields, or six with seconds first; its zone is one of IANA's, by default UTC. */
export type Timing =
  | { readonly by: "cron"; readonly expression: string; readonly timeZone: string | null }
  /** From `startsAt` on, else from one interval after it was set. */
  | { readonly by: "interval"; readonly everyMs: number }
  | { readonly by: "once"; readonly at: number };
