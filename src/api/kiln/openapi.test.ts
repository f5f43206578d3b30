import assert from "node:assert/strict";
import { test } from "node:test";
import { openKiln } from "../../../test/kiln-door.ts";

test("the OpenAPI document lists every path", async () => {
  const { send } = await openKiln({ loopback: false });
  const { json } = await send("GET", "/kiln/v1/openapi.json");
  assert.match(json.openapi, /^3\.1\./);
  const paths = Object.keys(json.paths).map((path) => path.replace("/kiln/v1", ""));
  assert.deepEqual(paths.toSorted(), [
    "/health",
    "/kinds",
    "/namespaces",
    "/namespaces/{ns}/activations",
    "/namespaces/{ns}/activations/{id}",
    "/namespaces/{ns}/activations/{id}/cancel",
    "/namespaces/{ns}/activations/{id}/logs",
    "/namespaces/{ns}/activations/{id}/result",
    "/namespaces/{ns}/apps",
    "/namespaces/{ns}/apps/{app}",
    "/namespaces/{ns}/apps/{app}/functions",
    "/namespaces/{ns}/apps/{app}/functions/{fn}",
    "/namespaces/{ns}/apps/{app}/functions/{fn}/code",
    "/namespaces/{ns}/apps/{app}/functions/{fn}/invoke",
    "/namespaces/{ns}/apps/{app}/functions/{fn}/logs",
    "/namespaces/{ns}/apps/{app}/functions/{fn}/notes",
    "/namespaces/{ns}/apps/{app}/functions/{fn}/prepare",
    "/namespaces/{ns}/apps/{app}/functions/{fn}/revisions",
    "/namespaces/{ns}/apps/{app}/functions/{fn}/revisions/{revision}",
    "/namespaces/{ns}/apps/{app}/functions/{fn}/sandboxes",
    "/namespaces/{ns}/apps/{app}/functions/{fn}/traffic",
    "/namespaces/{ns}/apps/{app}/routes",
    "/namespaces/{ns}/apps/{app}/routes/{route}",
    "/namespaces/{ns}/dead-letters",
    "/namespaces/{ns}/dead-letters/redrive",
    "/namespaces/{ns}/dead-letters/{id}",
    "/namespaces/{ns}/dead-letters/{id}/redrive",
    "/namespaces/{ns}/egress",
    "/namespaces/{ns}/keys",
    "/namespaces/{ns}/keys/{id}",
    "/namespaces/{ns}/keys/{id}/signing",
    "/namespaces/{ns}/limits",
    "/namespaces/{ns}/logs",
    "/namespaces/{ns}/schedules",
    "/namespaces/{ns}/stats",
    "/namespaces/{ns}/triggers/{trigger}/fire",
    "/namespaces/{ns}/triggers/{trigger}/schedule",
  ]);
  const operations = Object.values(json.paths).flatMap((path) =>
    Object.values(path as Record<string, { summary?: string; operationId?: string }>),
  );
  assert.ok(operations.every(({ summary, operationId }) => summary && operationId));
  const put = json.paths["/kiln/v1/namespaces/{ns}/apps/{app}/functions/{fn}"].put;
  assert.equal(put.requestBody.content["application/json"].schema.properties.memoryMiB.maximum, 10_240);
});
