/** A root file system for sandboxes in tests, made of programs of this machine and what they are linked with. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, globSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Programs by their name inside `/bin`. */
export type RootPrograms = Readonly<Record<string, string>>;

/** Makes `folder` a root with these programs, and with all that Python needs if there is a `python3` among them. */
export function makeRoot(folder: string, programs: RootPrograms = { node: process.execPath }): string {
  for (const each of ["bin", "etc", "proc", "dev", "tmp", "run/kiln", "function", "runtime"]) {
    mkdirSync(`${folder}/${each}`, { recursive: true });
    chmodSync(`${folder}/${each}`, 0o755);
  }
  writeFileSync(`${folder}/etc/hosts`, "127.0.0.1 localhost\n::1 localhost\n");
  for (const [name, program] of Object.entries(programs)) {
    copy(program, `${folder}/bin/${name}`);
    copyLibraries(program, folder);
  }
  if (programs["python3"] !== undefined) copyPython(folder);
  return folder;
}

function copyPython(folder: string): void {
  const library = "/usr/lib/python3.11";
  cpSync(library, folder + library, {
    recursive: true,
    filter: (path) => !/\/(test|idlelib|__pycache__|dist-packages|config-[^/]*)$/.test(path),
  });
  for (const extension of globSync(`${library}/lib-dynload/*.so`)) copyLibraries(extension, folder);
}

function copyLibraries(program: string, folder: string): void {
  const lines = linkedWith(program).split("\n");
  for (const library of lines.map((line) => /(\/\S+) \(0x/.exec(line)?.[1])) {
    if (library !== undefined && !existsSync(folder + library)) copy(library, folder + library);
  }
}

/** A static program is linked with nothing, which `ldd` calls an error. */
function linkedWith(program: string): string {
  try {
    return execFileSync("ldd", [program], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 10_000 });
  } catch {
    return "";
  }
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, 0o755);
}

/** `/bin/sh` and the like by one program with many names. */
export function linkNames(folder: string, program: string, names: readonly string[]): void {
  for (const name of names) symlinkSync(program, `${folder}/bin/${name}`);
}
