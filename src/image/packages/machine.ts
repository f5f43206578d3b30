import { readFile } from "node:fs/promises";
import { isMissingProgram, runTool, type Say } from "../roots/tool.ts";
import { type PackageManager, publicRegistries, type Registries } from "./packages.ts";

/** What an operator said of registries; what is empty is asked of npm and pip of this machine. */
export interface RegistrySettings {
  readonly npm: string;
  readonly pip: string;
  readonly go: string;
  readonly cargo: string;
  readonly hosts: readonly string[];
  /** A file. */
  readonly ca: string;
}

const askTimeoutMs = 20_000;

/** Where packages of one package manager come from on this machine. May cost a start of it. */
export async function machineRegistries(
  manager: PackageManager["name"],
  settings: RegistrySettings,
  say: Say,
): Promise<Registries> {
  if (manager === "javac") return publicRegistries;
  const address = settings[manager] || (await ask(manager, say)) || publicRegistries[manager];
  const ca = settings.ca === "" ? null : await certificates(settings.ca, say);
  const plain = address.replace(/\/+$/, "");
  return { ...publicRegistries, [manager]: manager === "npm" ? `${plain}/` : plain, hosts: settings.hosts, ca };
}

function ask(manager: Exclude<PackageManager["name"], "javac">, say: Say): Promise<string> {
  switch (manager) {
    case "npm":
      return askNpm(say);
    case "pip":
      return askPip();
    case "go":
      return askGo();
    case "cargo":
      return Promise.resolve("");
  }
}

/** Empty where Go is not there, or has no proxy that stands first. */
async function askGo(): Promise<string> {
  const said = await runTool("go", ["env", "GOPROXY"], askTimeoutMs, () => {}).catch(() => "");
  return addressIn(said.split(/[,|]/)[0] ?? "");
}

/** Empty where npm is not there. Throws `internal` where it is and does not answer: another registry than the operator's must not be asked. */
async function askNpm(say: Say): Promise<string> {
  try {
    return addressIn(await runTool("npm", ["config", "get", "registry"], askTimeoutMs, say));
  } catch (error) {
    if (isMissingProgram(error)) return "";
    throw error;
  }
}

/** Empty where pip is not there or has no index of its own. */
async function askPip(): Promise<string> {
  const said = await runTool("python3", ["-m", "pip", "config", "list"], askTimeoutMs, () => {}).catch(() => "");
  const setting = /^(?::env:|global|install)\.index-url='([^']+)'$/m.exec(said);
  return addressIn(setting?.[1] ?? "");
}

function addressIn(said: string): string {
  const line = said.trim().split("\n").at(-1) ?? "";
  return /^https?:\/\//.test(line) && URL.canParse(line) ? line : "";
}

async function certificates(file: string, say: Say): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    say(`The certificates for registries in ${file} cannot be read: ${(error as Error).message}`);
    return null;
  }
}
