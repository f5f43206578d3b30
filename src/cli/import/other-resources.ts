import type { Path } from "../project/yaml-file.ts";
import type { Remarks } from "./remarks.ts";
import type { Resources } from "./resources.ts";

/** What becomes of a resource that is neither function nor layer. */
export function remarkOn({ resources, remarks }: { readonly resources: Resources; readonly remarks: Remarks }, id: string): void {
  const type = resources.typeOf(id);
  if (!readElsewhere.has(type)) remarkOnType(remarks, ["Resources", id], id, type);
}

/** The same where nothing else reads such resources. */
export function remarkOnType(remarks: Remarks, path: Path, id: string, type: string): void {
  if (meansNothing.test(type)) remarks.different(null, path, `${id} (${type}) means nothing here`);
  else remarks.different(null, path, `${id} (${type}) is not made`, fixes[type] ?? null);
}

/** Belong to a function, which says what becomes of them. */
const readElsewhere = new Set([
  "AWS::Lambda::Url",
  "AWS::Lambda::Alias",
  "AWS::Lambda::Version",
  "AWS::Lambda::EventInvokeConfig",
  "AWS::Lambda::EventSourceMapping",
  "AWS::Events::Rule",
  "AWS::Scheduler::Schedule",
]);

const meansNothing =
  /^AWS::(?:IAM::|Lambda::Permission$|Logs::LogGroup$|Lambda::LayerVersionPermission$|CDK::Metadata$|Lambda::CodeSigningConfig$)/;

const fixes: Readonly<Record<string, string>> = {
  "AWS::Serverless::Application": "import the template that it names by itself",
  "AWS::CloudFormation::Stack": "import the template that it names by itself",
};
