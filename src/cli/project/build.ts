import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { exits, Failure } from "../failure.ts";
import type { PlannedFunction } from "./project.ts";

/** Runs a function's build commands one after the other; what they print is talk, shown when one fails or `say` wants it. */
export async function build(fn: PlannedFunction, signal: AbortSignal): Promise<void> {
  for (const command of fn.build) await run(fn, command, signal);
}

/** Throws a `Failure` when what the function starts with is not there, now that everything is built. */
export function checkEntry({ name, folder, funcFile, place }: PlannedFunction): void {
  const file = funcFile?.entryFile ?? null;
  if (file === null || folder === null || existsSync(join(folder, file))) return;
  throw new Failure({
    code: "E_NO_CODE",
    exit: exits.usage,
    what: `Function ${name} starts with ${file}, which is not there`,
    where: place,
    why: `Its entrypoint names it: ${funcFile?.entrypoint?.join(" ")}`,
    fix: `write ${join(folder, file)}, or correct entrypoint in func.yaml`,
  });
}

function run(fn: PlannedFunction, command: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, { cwd: fn.folder as string, shell: true, stdio: ["ignore", "pipe", "pipe"], signal });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-4000);
      });
    }
    const failed = (why: string) =>
      reject(
        new Failure({
          code: "E_BUILD",
          exit: exits.failed,
          what: `The build of ${fn.name} failed: ${command}`,
          where: fn.place,
          frame: said.trim() === "" ? undefined : said.trim().replaceAll(/^/gm, "  | "),
          why,
          fix: "run it by hand in the function's folder",
        }),
      );
    child.once("error", (error) => failed(error.message));
    child.once("close", (code, killer) =>
      code === 0 ? resolve() : failed(code === null ? `It was ended by ${killer}` : `It exited with ${code}`),
    );
  });
}
