/** The API gateway with OpenWhisk's own client and with wskdeploy, or what they sent: test/fixtures/openwhisk/gateway/README.md. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { askTourAgain, takeTour } from "../client-tour.ts";
import { wskTour } from "../wsk-tour.ts";

const folder = join(import.meta.dirname, "../fixtures/openwhisk/gateway");

for (const { name, variable, files } of [
  { name: "wsk", variable: "WSK_CLI", files: "files" },
  { name: "wskdeploy", variable: "WSKDEPLOY_CLI", files: "project" },
] as const) {
  const tour = wskTour({
    client: process.env[variable] ?? "",
    folder: join(folder, name),
    lay: (home) => cpSync(join(folder, name, files), home, { recursive: true }),
    properties: "APIGW_ACCESS_TOKEN=any\n",
  });

  test(
    `a tour of the API gateway with ${name} reads as with OpenWhisk's`,
    { skip: tour.client === "" && `${variable} names no client` },
    () => takeTour(tour),
  );

  test(`what ${name} sends of APIs is answered as it was`, { skip: tour.isRecorded && "it is being recorded" }, () =>
    askTourAgain(tour),
  );
}
