import type { Command } from "commander";
import type { Run } from "./cli.ts";
import { type ImageFlags, makeImages } from "./image/make.ts";

/** `polykiln build`. */
export function register(program: Command, run: Run): void {
  withNames(
    program
      .command("build")
      .description(
        "Make a container image (OCI) of each function that speaks Fn's contract: files of its kind, packages, code. Needs no Docker; the same input gives the same digest.",
      ),
  )
    .option("--layout <folder>", "write an OCI image layout there, with --all a folder each (default: in the cache)")
    .option("--archive <file>", "write one file instead, for docker load")
    .action(run((session, folder: string | undefined, flags: ImageFlags) => makeImages(session, folder, flags, "build")));
}

/** Flags of all that makes images. */
export function withNames(command: Command): Command {
  return command
    .argument("[folder]", "folder of the project (default: this one, or the nearest above with a project file)")
    .option("--all", "every func.yaml of the folder and below, as the app of app.yaml")
    .option("--app <name>", "app, in place of the file's")
    .option("--registry <name>", "what comes before the images' names, as HOST/OWNER (or FN_REGISTRY)")
    .option("--tag <tag>", "tag, in place of the version in func.yaml")
    .option("--bump [part]", "raise the version in each func.yaml first: patch (default), minor or major")
    .option("--cache <folder>", "folder of what can be made again, which images are made from")
    .option("--no-build", "do not run build commands");
}
