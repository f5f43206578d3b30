/** A line as RFC 5424 has it: https://www.rfc-editor.org/rfc/rfc5424 */
import type { LogLine } from "../../model/model.ts";
import type { LogEntry } from "../logs.ts";

/** Facility "user". */
const facility = 1;

const severities: Readonly<Record<LogLine["stream"], number>> = { stdout: 6, platform: 4, stderr: 3 };

/**
 * As Docker's driver writes it for Fn, with its tag as APP-NAME, though that is longer than the 48 letters of the RFC: receivers look
 * for it. PROCID is the call's id and MSGID the stream, where Docker has its own process and the tag again.
 */
export function syslogMessage({ line, appId, functionId, activationId }: LogEntry, hostname: string): Buffer {
  const { at, stream, text } = line;
  const priority = facility * 8 + severities[stream];
  const tag = `app_id=${appId ?? ""},fn_id=${functionId}`;
  return Buffer.from(`<${priority}>1 ${new Date(at).toISOString()} ${hostname} ${tag} ${activationId} ${stream} - ${text}`);
}

/** What the platform itself has to say to a receiver. */
export function platformMessage(at: number, hostname: string, text: string): Buffer {
  const priority = facility * 8 + severities.platform;
  return Buffer.from(`<${priority}>1 ${new Date(at).toISOString()} ${hostname} polykiln - platform - ${text}`);
}

/** What HOSTNAME may be: no spaces and no other letters than ASCII. */
export function hostnameOf(name: string): string {
  return name.replace(/[^!-~]/g, "").slice(0, 255) || "-";
}
