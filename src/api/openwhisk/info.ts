/** What anybody may read: what this is, what it offers, and that it lives. */
import { limits as modelLimits } from "../../model/limits.ts";
import type { NamespaceLimits } from "../../model/model.ts";
import { type ActionKinds, olderNamesOf } from "./kinds.ts";
import { actionLimits } from "./limits.ts";

const description = "OpenWhisk";
const support = { github: "https://github.com/apache/openwhisk/issues", slack: "http://slack.openwhisk.org" };
const mebibyte = 1024 * 1024;

export interface Offers {
  readonly kinds: ActionKinds;
  readonly limits: NamespaceLimits;
}

/** What `GET /` tells clients of OpenWhisk: with which limits, and which kinds of actions there are. */
export function serverInfo({ kinds, limits }: Offers): Readonly<Record<string, unknown>> {
  return { support, description, api_paths: ["/api/v1"], limits: shownLimits(limits), runtimes: runtimesOf(kinds) };
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

function shownLimits({ callsMax, callsPerMinuteMax, firesPerMinuteMax }: NamespaceLimits): object {
  const { timeoutMs, memoryMiB, logsMiB } = actionLimits;
  return {
    actions_per_minute: callsPerMinuteMax,
    triggers_per_minute: firesPerMinuteMax,
    concurrent_actions: callsMax,
    sequence_length: modelLimits.flow.stepsMax,
    min_action_duration: timeoutMs.min,
    max_action_duration: timeoutMs.max,
    min_action_memory: memoryMiB.min * mebibyte,
    max_action_memory: memoryMiB.max * mebibyte,
    min_action_logs: logsMiB.min * mebibyte,
    max_action_logs: logsMiB.max * mebibyte,
  };
}

/** By family, as clients choose a kind by it. */
function runtimesOf(kinds: ActionKinds): Readonly<Record<string, object[]>> {
  const families: Record<string, object[]> = {};
  for (const kind of kinds.list()) {
    const { family, name, image, isDefault, isDeprecated, requiresMain } = kind;
    (families[family] ??= []).push({
      kind: name,
      image: image ?? name,
      default: isDefault,
      deprecated: isDeprecated,
      attached: true,
      requireMain: requiresMain,
      aliases: olderNamesOf(kind),
    });
  }
  return families;
}
