/** Every operation of Lambda's API: which method and path it has, and what serves it here. */
import { getAccountSettings } from "./account.ts";
import { createAlias, getAlias, listAliases, removeAlias, updateAlias } from "./aliases.ts";
import { getConcurrency, putConcurrency, removeConcurrency } from "./concurrency.ts";
import { getEventConfig, listEventConfigs, putEventConfig, removeEventConfig, updateEventConfig } from "./event-invoke.ts";
import type { Exchange } from "./exchange.ts";
import { createFunction, getConfiguration, getFunction, removeFunction, updateCode, updateConfiguration } from "./functions.ts";
import { listFunctions } from "./lists.ts";
import { addLayerPermission, getLayerPolicy, removeLayerPermission } from "./layer/permissions.ts";
import { publishLayer, removeLayer } from "./layer/publish.ts";
import { getLayer, listLayerVersions, listOrFindLayers } from "./layer/read.ts";
import { addPermission, getPolicy, removePermission } from "./policy.ts";
import { getProvisioned, putProvisioned, removeProvisioned } from "./provisioned.ts";
import type { Reply } from "./reply.ts";
import { listTags, tag, untag } from "./tags.ts";
import {
  getCodeSigning,
  getRecursion,
  getRuntimeManagement,
  listCapacityProviders,
  listCodeSignings,
  listMappings,
  putRecursion,
  putRuntimeManagement,
} from "./unchanging.ts";
import { createUrl, getUrl, listUrls, removeUrl, updateUrl } from "./url/management.ts";
import { listVersions, publishVersion } from "./versions.ts";

export type Serve = (exchange: Exchange) => Promise<Reply>;

/** `path`: `{name}` stands for a part, of which `{fn}` is a function; what follows a `?` is the server's own affair. `serve` null: it is not there. */
export type Operation = readonly [name: string, method: string, path: string, serve: Serve | null];

const fn = "functions/{fn}";
const layer = "layers/{layer}/versions";

/** All but those that call functions. */
export const operations: readonly Operation[] = [
  ["CreateFunction", "POST", "/2015-03-31/functions", createFunction],
  ["ListFunctions", "GET", "/2015-03-31/functions", listFunctions],
  ["GetFunction", "GET", `/2015-03-31/${fn}`, getFunction],
  ["DeleteFunction", "DELETE", `/2015-03-31/${fn}`, removeFunction],
  ["GetFunctionConfiguration", "GET", `/2015-03-31/${fn}/configuration`, getConfiguration],
  ["UpdateFunctionConfiguration", "PUT", `/2015-03-31/${fn}/configuration`, updateConfiguration],
  ["UpdateFunctionCode", "PUT", `/2015-03-31/${fn}/code`, updateCode],
  ["PublishVersion", "POST", `/2015-03-31/${fn}/versions`, publishVersion],
  ["ListVersionsByFunction", "GET", `/2015-03-31/${fn}/versions`, listVersions],
  ["CreateAlias", "POST", `/2015-03-31/${fn}/aliases`, createAlias],
  ["ListAliases", "GET", `/2015-03-31/${fn}/aliases`, listAliases],
  ["GetAlias", "GET", `/2015-03-31/${fn}/aliases/{alias}`, getAlias],
  ["UpdateAlias", "PUT", `/2015-03-31/${fn}/aliases/{alias}`, updateAlias],
  ["DeleteAlias", "DELETE", `/2015-03-31/${fn}/aliases/{alias}`, removeAlias],
  ["AddPermission", "POST", `/2015-03-31/${fn}/policy`, addPermission],
  ["GetPolicy", "GET", `/2015-03-31/${fn}/policy`, getPolicy],
  ["RemovePermission", "DELETE", `/2015-03-31/${fn}/policy/{statement}`, removePermission],
  ["PutFunctionConcurrency", "PUT", `/2017-10-31/${fn}/concurrency`, putConcurrency],
  ["GetFunctionConcurrency", "GET", `/2019-09-30/${fn}/concurrency`, getConcurrency],
  ["DeleteFunctionConcurrency", "DELETE", `/2017-10-31/${fn}/concurrency`, removeConcurrency],
  ["PutProvisionedConcurrencyConfig", "PUT", `/2019-09-30/${fn}/provisioned-concurrency`, putProvisioned],
  ["GetProvisionedConcurrencyConfig", "GET", `/2019-09-30/${fn}/provisioned-concurrency`, getProvisioned],
  ["ListProvisionedConcurrencyConfigs", "GET", `/2019-09-30/${fn}/provisioned-concurrency?List=ALL`, getProvisioned],
  ["DeleteProvisionedConcurrencyConfig", "DELETE", `/2019-09-30/${fn}/provisioned-concurrency`, removeProvisioned],
  ["PutFunctionEventInvokeConfig", "PUT", `/2019-09-25/${fn}/event-invoke-config`, putEventConfig],
  ["UpdateFunctionEventInvokeConfig", "POST", `/2019-09-25/${fn}/event-invoke-config`, updateEventConfig],
  ["GetFunctionEventInvokeConfig", "GET", `/2019-09-25/${fn}/event-invoke-config`, getEventConfig],
  ["ListFunctionEventInvokeConfigs", "GET", `/2019-09-25/${fn}/event-invoke-config/list`, listEventConfigs],
  ["DeleteFunctionEventInvokeConfig", "DELETE", `/2019-09-25/${fn}/event-invoke-config`, removeEventConfig],
  ["CreateFunctionUrlConfig", "POST", `/2021-10-31/${fn}/url`, createUrl],
  ["GetFunctionUrlConfig", "GET", `/2021-10-31/${fn}/url`, getUrl],
  ["ListFunctionUrlConfigs", "GET", `/2021-10-31/${fn}/urls`, listUrls],
  ["UpdateFunctionUrlConfig", "PUT", `/2021-10-31/${fn}/url`, updateUrl],
  ["DeleteFunctionUrlConfig", "DELETE", `/2021-10-31/${fn}/url`, removeUrl],
  ["PublishLayerVersion", "POST", `/2018-10-31/${layer}`, publishLayer],
  ["ListLayerVersions", "GET", `/2018-10-31/${layer}`, listLayerVersions],
  ["GetLayerVersion", "GET", `/2018-10-31/${layer}/{version}`, getLayer],
  ["GetLayerVersionByArn", "GET", "/2018-10-31/layers?find=LayerVersion", listOrFindLayers],
  ["ListLayers", "GET", "/2018-10-31/layers", listOrFindLayers],
  ["DeleteLayerVersion", "DELETE", `/2018-10-31/${layer}/{version}`, removeLayer],
  ["AddLayerVersionPermission", "POST", `/2018-10-31/${layer}/{version}/policy`, addLayerPermission],
  ["GetLayerVersionPolicy", "GET", `/2018-10-31/${layer}/{version}/policy`, getLayerPolicy],
  ["RemoveLayerVersionPermission", "DELETE", `/2018-10-31/${layer}/{version}/policy/{statement}`, removeLayerPermission],
  ["TagResource", "POST", "/2017-03-31/tags/{fn}", tag],
  ["ListTags", "GET", "/2017-03-31/tags/{fn}", listTags],
  ["UntagResource", "DELETE", "/2017-03-31/tags/{fn}", untag],
  ["GetAccountSettings", "GET", "/2016-08-19/account-settings", getAccountSettings],
  ["GetFunctionCodeSigningConfig", "GET", `/2020-06-30/${fn}/code-signing-config`, getCodeSigning],
  ["PutFunctionCodeSigningConfig", "PUT", `/2020-06-30/${fn}/code-signing-config`, null],
  ["DeleteFunctionCodeSigningConfig", "DELETE", `/2020-06-30/${fn}/code-signing-config`, null],
  ["CreateCodeSigningConfig", "POST", "/2020-04-22/code-signing-configs", null],
  ["ListCodeSigningConfigs", "GET", "/2020-04-22/code-signing-configs", listCodeSignings],
  ["GetCodeSigningConfig", "GET", "/2020-04-22/code-signing-configs/{arn}", null],
  ["UpdateCodeSigningConfig", "PUT", "/2020-04-22/code-signing-configs/{arn}", null],
  ["DeleteCodeSigningConfig", "DELETE", "/2020-04-22/code-signing-configs/{arn}", null],
  ["ListFunctionsByCodeSigningConfig", "GET", "/2020-04-22/code-signing-configs/{arn}/functions", null],
  ["GetRuntimeManagementConfig", "GET", `/2021-07-20/${fn}/runtime-management-config`, getRuntimeManagement],
  ["PutRuntimeManagementConfig", "PUT", `/2021-07-20/${fn}/runtime-management-config`, putRuntimeManagement],
  ["GetFunctionRecursionConfig", "GET", `/2024-08-31/${fn}/recursion-config`, getRecursion],
  ["PutFunctionRecursionConfig", "PUT", `/2024-08-31/${fn}/recursion-config`, putRecursion],
  ["CreateEventSourceMapping", "POST", "/2015-03-31/event-source-mappings", null],
  ["ListEventSourceMappings", "GET", "/2015-03-31/event-source-mappings", listMappings],
  ["GetEventSourceMapping", "GET", "/2015-03-31/event-source-mappings/{uuid}", null],
  ["UpdateEventSourceMapping", "PUT", "/2015-03-31/event-source-mappings/{uuid}", null],
  ["DeleteEventSourceMapping", "DELETE", "/2015-03-31/event-source-mappings/{uuid}", null],
  ["CreateCapacityProvider", "POST", "/2025-11-30/capacity-providers", null],
  ["ListCapacityProviders", "GET", "/2025-11-30/capacity-providers", listCapacityProviders],
  ["GetCapacityProvider", "GET", "/2025-11-30/capacity-providers/{name}", null],
  ["UpdateCapacityProvider", "PUT", "/2025-11-30/capacity-providers/{name}", null],
  ["DeleteCapacityProvider", "DELETE", "/2025-11-30/capacity-providers/{name}", null],
  ["ListFunctionVersionsByCapacityProvider", "GET", "/2025-11-30/capacity-providers/{name}/function-versions", null],
  ["GetFunctionScalingConfig", "GET", `/2025-11-30/${fn}/function-scaling-config`, null],
  ["PutFunctionScalingConfig", "PUT", `/2025-11-30/${fn}/function-scaling-config`, null],
  ["ListDurableExecutionsByFunction", "GET", `/2025-12-01/${fn}/durable-executions`, null],
  ["GetDurableExecution", "GET", "/2025-12-01/durable-executions/{arn}", null],
  ["GetDurableExecutionHistory", "GET", "/2025-12-01/durable-executions/{arn}/history", null],
  ["GetDurableExecutionState", "GET", "/2025-12-01/durable-executions/{arn}/state", null],
  ["CheckpointDurableExecution", "POST", "/2025-12-01/durable-executions/{arn}/checkpoint", null],
  ["StopDurableExecution", "POST", "/2025-12-01/durable-executions/{arn}/stop", null],
  ["SendDurableExecutionCallbackSuccess", "POST", "/2025-12-01/durable-execution-callbacks/{id}/succeed", null],
  ["SendDurableExecutionCallbackFailure", "POST", "/2025-12-01/durable-execution-callbacks/{id}/fail", null],
  ["SendDurableExecutionCallbackHeartbeat", "POST", "/2025-12-01/durable-execution-callbacks/{id}/heartbeat", null],
];
