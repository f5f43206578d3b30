/** How a command ends: part of the interface, scripts rely on it. */
export const exits = {
  ok: 0,
  /** The function failed, or the command did for no reason below. */
  failed: 1,
  /** The command line or a file of the project is wrong. */
  usage: 2,
  notFound: 3,
  denied: 4,
  /** The server did not answer, or not in time. */
  unreachable: 5,
} as const;

export interface FailureFields {
  /** For programs: `E_` and words, stable. */
  readonly code: string;
  readonly exit: number;
  readonly what: string;
  /** `FILE:LINE:COLUMN`, or what else says where. */
  readonly where?: string;
  /** The lines of a file around the place, marked. */
  readonly frame?: string;
  readonly why?: string;
  /** A command or an edit that helps. */
  readonly fix?: string;
  /** Of the server's answer. */
  readonly requestId?: string;
  readonly cause?: unknown;
}

/** The end of a command that did not do what it was asked for. */
export class Failure extends Error {
  readonly fields: FailureFields;

  constructor(fields: FailureFields) {
    super(fields.what, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = "Failure";
    this.fields = fields;
  }
}

/** The command line was wrong. */
export function usage(what: string, fix?: string): Failure {
  return new Failure({ code: "E_USAGE", exit: exits.usage, what, fix });
}

/** As people read it, several lines; `paint` colours. */
export function renderFailure({ fields }: Failure, paint: (style: "red" | "dim" | "cyan", text: string) => string): string {
  const lines = [`${paint("red", "error")}: ${fields.what} ${paint("dim", `[${fields.code}]`)}`];
  if (fields.where !== undefined) lines.push(`  at ${fields.where}`);
  if (fields.frame !== undefined) lines.push(fields.frame);
  if (fields.why !== undefined) lines.push(`  ${fields.why}`);
  if (fields.fix !== undefined) lines.push(`  ${paint("cyan", "fix")}: ${fields.fix}`);
  if (fields.requestId !== undefined) lines.push(paint("dim", `  request ${fields.requestId}`));
  return `${lines.join("\n")}\n`;
}

/** As programs read it: the fields that are there, one line. */
export function failureJson({ fields }: Failure): string {
  const { code, what, where, why, fix, requestId } = fields;
  return `${JSON.stringify({ error: { code, what, where, why, fix, requestId } })}\n`;
}
