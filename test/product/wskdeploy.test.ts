/** OpenWhisk's deployer of whole projects, or what it sent: test/fixtures/openwhisk/wskdeploy/README.md. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { askTourAgain, takeTour } from "../client-tour.ts";
import { wskTour } from "../wsk-tour.ts";

const folder = join(import.meta.dirname, "../fixtures/openwhisk/wskdeploy");
const tour = wskTour({
  client: process.env["WSKDEPLOY_CLI"] ?? "",
  folder,
  isShuffled: true,
  lay: (home) => cpSync(join(folder, "project"), home, { recursive: true }),
});

test(
  "a tour with wskdeploy reads as with OpenWhisk's server",
  {
    skip: tour.client === "" && "WSKDEPLOY_CLI names no client",
  },
  () => takeTour(tour),
);

test("what wskdeploy sends is answered as it was", { skip: tour.isRecorded && "it is being recorded" }, () => askTourAgain(tour));
