/**
 * The reference pages that the code knows: the configuration and the limits. `node test/reference.ts` writes them; a test compares
 * them with what it would write.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { flagOf, settings } from "../src/config/load.ts";
import { fnSettings } from "../src/config/fn-settings.ts";
import { limits } from "../src/model/limits.ts";

/** The pages by their path in the repository. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/reference/configuration.md", configurationPage()],
    ["docs/reference/limits.md", limitsPage()],
    ["docs/reference/fn-settings.md", fnSettingsPage()],
  ]);
}

const dependsOnTheMachine: Readonly<Record<string, string>> = {
  data: "`$XDG_DATA_HOME/polykiln`",
  cache: "`$XDG_CACHE_HOME/polykiln`",
  memoryMiB: "75 % of the machine's",
  startsMax: "twice the processors",
  stemCells: "two of `nodejs:24`, one of `python:3.11` and two of `go:1`, up to four times that",
  npmRegistry: "as npm of the machine is set",
  goProxy: "as Go on the machine is set",
  cargoIndex: "that of crates.io",
  pipIndex: "as pip of the machine is set",
  registryAuth: "`config.json` in `$DOCKER_CONFIG`, or in `~/.docker`",
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

/** Whatever has a value stands before whatever has none. */
function fnSettingsPage(): string {
  const rows = Object.entries(fnSettings);
  const known = rows.flatMap(([name, row]) =>
    row.setting === null ? [] : [[`\`${name}\``, ...settingColumns(row), row.differs]],
  );
  const unknown = rows.flatMap(([name, row]) => (row.setting === null ? [[`\`${name}\``, row.reason]] : []));
  const about =
    "The variables by which Fn's server is set, and what they mean here. Our own variable of a setting is stronger than Fn's. With `_FILE` behind its name a variable, ours too, names a file that holds the value.";
  const first = page("Fn's settings", about, [["Variable of Fn", "Setting", "Flag", "Difference"], ...known]);
  const second = [["Variable of Fn", "Why it means nothing here"], ...unknown];
  return `${first}\nOne of these that is set is named once at the start, with the reason; so is a name that Fn does not know.\n\n${table(second)}\n`;
}

function settingColumns({ setting, also }: Extract<(typeof fnSettings)[string], { differs: string }>): string[] {
  const both = also === undefined ? [setting] : [setting, also];
  return [both.map((name) => `\`${name}\``).join(", "), both.map((name) => `\`--${flagOf(name)}\``).join(", ")];
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

function page(title: string, about: string, rows: readonly (readonly string[])[]): string {
  return `# ${title}\n\n${about}\n\n${table(rows)}\n`;
}

/** Laid out as the formatter would. */
function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

if (import.meta.main) {
  for (const [path, text] of referencePages()) writeFileSync(join(import.meta.dirname, "..", path), text);
}
