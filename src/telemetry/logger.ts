/**
 * The platform's own log: one JSON object a line on stderr. Constant sentences and fields; never a secret or a payload.
 * What functions print is not logged here (logs/).
 */
import pino from "pino";

/** The fields an entry may have: a closed list, so that logs can be searched. */
export interface LogFields {
  readonly activationId?: string;
  readonly traceId?: string;
  readonly functionId?: string;
  readonly agentId?: string;
  readonly sandboxId?: string;
  readonly namespace?: string;
  readonly extension?: string;
  readonly requestId?: string;
  readonly path?: string;
  readonly url?: string;
  readonly count?: number;
  readonly durationMs?: number;
  readonly reason?: string;
  readonly fix?: string;
  readonly err?: unknown;
}

export interface Logger {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
}

/** A logger that writes at once, so that the last words before an exit are not lost. */
export function createLogger(level: "debug" | "info" | "warn" | "error"): Logger {
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
  return {
    debug: (sentence, fields) => log.debug(fields ?? {}, sentence),
    info: (sentence, fields) => log.info(fields ?? {}, sentence),
    warn: (sentence, fields) => log.warn(fields ?? {}, sentence),
    error: (sentence, fields) => log.error(fields ?? {}, sentence),
  };
}
