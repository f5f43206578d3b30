/** A URL of a function's own: whoever asks there calls it, with a request for an event and its answer for a result. */
export interface FnUrl {
  /** By which it is found: letters and digits that no other URL has or ever had. */
  readonly id: string;
  /** The alias whose calls its requests are; null: those of the newest revision. */
  readonly alias: string | null;
  /** Requests are to be signed by a key of the function's namespace. False: anybody's are taken. */
  readonly signed: boolean;
  /** Answers are passed on as they come; null: they are not, and it was never said. */
  readonly streams: boolean | null;
  /** Which pages of other origins may ask; null: the function says so itself. */
  readonly cors: CorsRules | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What pages of other origins may do. Members that are absent were not said: the same as empty. */
export interface CorsRules {
  /** As a browser writes them; `*`: all. */
  readonly origins?: readonly string[];
  /** `*`: all. */
  readonly methods?: readonly string[];
  /** That a page may send; `*`: all. */
  readonly headers?: readonly string[];
  /** That a page may read. */
  readonly exposed?: readonly string[];
  readonly credentials?: boolean;
  /** How long a browser may remember this. */
  readonly maxAgeS?: number;
}
