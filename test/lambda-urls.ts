/** Functions with URLs, as tests make them. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { lambdaClient, type Pair, pairOf, role, zipOf } from "./lambda.ts";
import { type Platform, startPlatform } from "./platform.ts";

export interface UrlOwner {
  readonly client: sdk.LambdaClient;
  readonly pair: Pair;
  /** Makes a function of one file, and a URL for it, which is given. */
  made(name: string, code: string | Partial<sdk.CreateFunctionRequest>, url?: Partial<UrlSettings>): Promise<string>;
  /** Gives a URL to what is there. */
  opened(FunctionName: string, url?: Partial<UrlSettings>): Promise<string>;
}

export type UrlSettings = Omit<sdk.CreateFunctionUrlConfigRequest, "FunctionName">;

export async function urlOwner(platform: Platform, namespace = "guest", region = "us-east-1"): Promise<UrlOwner> {
  const pair = await pairOf(platform, namespace);
  const client = lambdaClient(platform, pair, { region });
  const opened: UrlOwner["opened"] = async (FunctionName, url = {}) => {
    const command = new sdk.CreateFunctionUrlConfigCommand({ FunctionName, AuthType: "NONE", ...url });
    return String((await client.send(command)).FunctionUrl);
  };
  return {
    client,
    pair,
    opened,
    async made(name, code, url) {
      const settings = typeof code === "string" ? { Code: { ZipFile: zipOf("index.js", code) } } : code;
      await client.send(
        new sdk.CreateFunctionCommand({
          FunctionName: name,
          Runtime: "nodejs24.x",
          Handler: "index.handler",
          Role: role,
          Timeout: 30,
          Code: {},
          ...settings,
        }),
      );
      return await opened(name, url);
    },
  };
}

/** A platform for the tests of a file, and who has URLs there: both are there while these run. */
export function urlPlace(): { readonly platform: Platform; readonly owner: UrlOwner } {
  const place = {} as { platform: Platform; owner: UrlOwner };
  before(async () => {
    place.platform = await startPlatform();
    place.owner = await urlOwner(place.platform);
  });
  after(async () => {
    place.owner?.client.destroy();
    assert.equal(await place.platform?.stop(), 0);
  });
  return place;
}
