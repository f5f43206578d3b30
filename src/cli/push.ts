import type { Command } from "commander";
import { withNames } from "./build.ts";
import type { Run } from "./cli.ts";
import { type ImageFlags, makeImages } from "./image/make.ts";

/** `polykiln push`. */
export function register(program: Command, run: Run): void {
  withNames(
    program
      .command("push")
      .description("Make the images as build does, and send them to their registry; what it has already is not sent again."),
  )
    .option("--layout <folder>", "write an OCI image layout there, too")
    .action(run((session, folder: string | undefined, flags: ImageFlags) => makeImages(session, folder, flags, "push")));
}
