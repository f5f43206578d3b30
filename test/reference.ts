/**
 * The reference pages that the code knows: the configuration and the limits. `node test/reference.ts` writes them; a test compares
 * them with what it would write.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { flagOf, settings } from "../src/config/config.ts";
import { limits } from "../src/model/limits.ts";

/** The pages by their path in the repository. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/reference/configuration.md", configurationPage()],
    ["docs/reference/limits.md", limitsPage()],
  ]);
}

const dependsOnTheMachine: Readonly<Record<string, string>> = {
  data: "`$XDG_DATA_HOME/polykiln`",
  cache: "`$XDG_CACHE_HOME/polykiln`",
  memoryMiB: "75 % of the machine's",
  startsMax: "twice the processors",
  stemCells: "two of `nodejs:24`, one of `python:3.11` and two of `go:1`, up to four times that",
  npmRegistry: "as npm of the machine is set",
  pipIndex: "as pip of the machine is set",
  sandbox: "`bubblewrap`; elsewhere than on Linux `process`",
};

function configurationPage(): string {
  const rows = Object.entries(settings({})).map(([name, setting]) => {
    const usual = dependsOnTheMachine[name] ?? (String(setting.default) === "" ? "none" : `\`${String(setting.default)}\``);
    return [
      `\`${name}\``,
      `\`--${flagOf(name)}\``,
      setting.env.map((variable) => `\`${variable}\``).join(", "),
      usual,
      setting.about,
    ];
  });
  return page(
    "Configuration",
    "A value comes from the defaults, then the JSON file of `--config`, then the environment, then flags; the last one that speaks wins. A value that can't be used is refused with its name and where it came from.",
    [["Setting", "Flag", "Environment", "Default", "What it is"], ...rows],
  );
}

interface Range {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

function limitsPage(): string {
  const rows = flat("", limits).map(([name, value]) => [`\`${name}\``].concat(columns(value)));
  return page(
    "Limits",
    "What the platform allows of functions, calls and definitions. A door may allow less: Fn's keeps Fn's own limits. What is over a limit is refused with the limit's name, or cut with a mark where the name is that of a log. Units are in the names.",
    [["Limit", "Least", "Most", "Default"], ...rows],
  );
}

function flat(prefix: string, value: object): [name: string, value: number | Range][] {
  return Object.entries(value).flatMap(([key, item]: [string, unknown]): [string, number | Range][] => {
    const name = prefix === "" ? key : `${prefix}.${key}`;
    if (typeof item === "number") return [[name, item]];
    return isRange(item) ? [[name, item]] : flat(name, item as object);
  });
}

function isRange(value: unknown): value is Range {
  return typeof value === "object" && value !== null && "max" in value && "default" in value;
}

function columns(value: number | Range): string[] {
  if (typeof value === "number") return ["", String(value), ""];
  return [String(value.min ?? ""), String(value.max), String(value.default)];
}

/** Laid out as the formatter would. */
function page(title: string, about: string, [head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return `# ${title}\n\n${about}\n\n${[line(head), rule, ...rows.map(line)].join("\n")}\n`;
}

if (import.meta.main) {
  for (const [path, text] of referencePages()) writeFileSync(join(import.meta.dirname, "..", path), text);
}
