import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { isScalar, parseDocument } from "yaml";
import { exits, Failure, usage } from "../failure.ts";

const parts = ["major", "minor", "patch"];
/** What a file without a version gets. */
const firstVersion = "0.0.1";

/** Raises the version in a `func.yaml`, whose other text stays as it is; the new one. Throws a `Failure`. */
export function bumpVersion(path: string, part: string | true): string {
  const index = part === true ? 2 : parts.indexOf(part);
  if (index === -1) throw usage(`--bump ${JSON.stringify(part)} is none of ${parts.join(", ")}`);
  const text = readFileSync(path, "utf8");
  const node = parseDocument(text).get("version", true);
  const range = isScalar(node) ? node.range : undefined;
  const version = range ? raised(String((node as { value: unknown }).value), index) : firstVersion;
  write(path, range ? replaced(text, range[0], range[1], version) : withVersion(path, text, version));
  return version;
}

/** Quotes around it stay. */
function replaced(text: string, from: number, to: number, version: string): string {
  const quote = /["']/.test(text[from] ?? "") ? text[from] : "";
  return `${text.slice(0, from)}${quote}${version}${quote}${text.slice(to)}`;
}

function raised(version: string, index: number): string {
  const numbers = version.split(/[-+]/, 1)[0]?.split(".").map(Number) ?? [];
  return [0, 1, 2].map((i) => (i > index ? 0 : (numbers[i] ?? 0) + (i === index ? 1 : 0))).join(".");
}

function withVersion(path: string, text: string, version: string): string {
  if (!path.endsWith(".json")) return `${text.replace(/\n?$/, "\n")}version: ${version}\n`;
  return `${JSON.stringify({ ...(JSON.parse(text) as object), version }, null, 2)}\n`;
}

function write(path: string, text: string): void {
  try {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  } catch (cause) {
    throw new Failure({
      code: "E_WRITE",
      exit: exits.failed,
      what: "The new version could not be written",
      where: path,
      why: (cause as Error).message,
      cause,
    });
  }
}
