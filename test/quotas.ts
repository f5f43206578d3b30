/** Quotas of namespaces for tests that are about something else. */
import type { MeteringConfig } from "../src/metering/metering.ts";

export function quotas(namespaceCallsMax = 100): MeteringConfig {
  return { namespaceCallsMax, namespaceCallsPerMinuteMax: 1e9, namespaceFiresPerMinuteMax: 1e9 };
}
