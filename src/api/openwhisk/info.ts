/** What anybody may read: what this is, what it offers, and that it lives. */
import type { Kinds } from "../../image/image.ts";
import { actionKinds, familyOf } from "./exec.ts";
import { actionLimits } from "./limits.ts";

const description = "OpenWhisk";
const support = { github: "https://github.com/apache/openwhisk/issues", slack: "http://slack.openwhisk.org" };
const mebibyte = 1024 * 1024;

export interface Offers {
  readonly kinds: Kinds;
  readonly namespaceCallsMax: number;
}

/** What `GET /` tells clients of OpenWhisk: with which limits, and which kinds of actions there are. */
export function serverInfo({ kinds, namespaceCallsMax }: Offers): Readonly<Record<string, unknown>> {
  return { support, description, api_paths: ["/api/v1"], limits: shownLimits(namespaceCallsMax), runtimes: runtimesOf(kinds) };
}

/** What `GET /api/v1` tells. */
export function apiInfo(version: string): object {
  return {
    description: `${description} API`,
    api_version: "1.0.0",
    api_version_path: "v1",
    build: version,
    buildno: version,
    swagger_paths: { ui: "/docs", "api-docs": "/api-docs" },
  };
}

function shownLimits(namespaceCallsMax: number): object {
  const { timeoutMs, memoryMiB, logsMiB } = actionLimits;
  return {
    concurrent_actions: namespaceCallsMax,
    min_action_duration: timeoutMs.min,
    max_action_duration: timeoutMs.max,
    min_action_memory: memoryMiB.min * mebibyte,
    max_action_memory: memoryMiB.max * mebibyte,
    min_action_logs: logsMiB.min * mebibyte,
    max_action_logs: logsMiB.max * mebibyte,
  };
}

/** By family, as clients choose a kind by it. */
function runtimesOf(kinds: Kinds): Readonly<Record<string, object[]>> {
  const families: Record<string, object[]> = {};
  for (const kind of actionKinds(kinds)) {
    const family = familyOf(kind);
    const isDefault = kinds.resolve(`${family}:default`) === kind;
    (families[family] ??= []).push({
      kind,
      image: kind,
      default: isDefault,
      deprecated: false,
      attached: true,
      requireMain: false,
    });
  }
  return families;
}
