import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sandboxContract } from "../../../test/contract/sandbox.ts";
import { writePrograms } from "../../../test/contract/sandbox-programs.ts";
import { realWorld } from "../../lib/world.ts";
import { processDriver } from "./driver.ts";

sandboxContract("process", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sandbox-test-"));
  writePrograms(`${folder}/code`);
  return {
    driver: processDriver({ world: realWorld(), warn: () => {} }),
    spec: (program) => ({ root: null, code: `${folder}/code`, runtime: null, command: ["node", `/function/${program}.cjs`] }),
    release: () => rm(folder, { recursive: true }),
  };
});
