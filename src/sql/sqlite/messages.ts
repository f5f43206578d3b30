/** What the client and its worker say to each other: plain data, one message for the requests of a turn, one answer per group of requests. */
import type { CommitCounts, Refusal, Row, SqlValue, WriteStatement } from "../sql.ts";

/** The file and the migrations to apply; folders as `file:` URLs. */
export interface OpenOptions {
  readonly path: string;
  readonly creationId: string;
  readonly schemas: readonly { readonly name: string; readonly folder: string; readonly bulkTables: readonly string[] }[];
}

/** Client to worker, those of one turn as a list. Requests are served in order, except that writes of one group move together. */
export type Request =
  | { readonly id: number; readonly type: "read"; readonly sql: string; readonly params: readonly SqlValue[] }
  | {
      readonly id: number;
      readonly type: "write";
      readonly statements: readonly WriteStatement[];
      /** The answer carries the rows of the statements. */
      readonly returning: boolean;
    }
  | { readonly id: number; readonly type: "close" };

export type ReadRequest = Extract<Request, { type: "read" }>;
export type WriteRequest = Extract<Request, { type: "write" }>;

/** An error on its way between threads; `cause` is text for the platform's own log. */
export interface Failure extends Refusal {
  readonly cause?: string | undefined;
}

export interface Answer {
  readonly id: number;
  readonly rows?: readonly Row[] | undefined;
  readonly failure?: Failure | undefined;
}

/** Worker to client. The first message is `opened` or `refused`. */
export type Report =
  | { readonly type: "opened" }
  | { readonly type: "refused"; readonly failure: Failure }
  | { readonly type: "answers"; readonly answers: readonly Answer[]; readonly counts: CommitCounts }
  | { readonly type: "closed" };
