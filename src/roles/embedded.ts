/**
 * Everything in one process: the store on SQLite, the agent, the doors, one port. Besides `test/platform.ts` the only place that
 * picks implementations.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createAgent } from "../agent/agent.ts";
import { agentDefaults } from "../agent/config.ts";
import type { FnContext } from "../api/fn/fn.ts";
import { consoleHandler } from "../api/kiln/console.ts";
import { registerKiln } from "../api/kiln/kiln.ts";
import { ActionKinds } from "../api/openwhisk/kinds.ts";
import { openWhiskGreeting, type WskContext } from "../api/openwhisk/openwhisk.ts";
import { failureText } from "../api/openwhisk/errors.ts";
import { readSystemPackages, systemNamespace, type SystemPackages } from "../api/openwhisk/system-packages.ts";
import { providedModules } from "../api/openwhisk/provided-modules.ts";
import { FunctionKeys } from "../auth/function-keys.ts";
import { createIdentifier } from "../auth/identify.ts";
import { firstNamespace, firstStart, requireKeys } from "../auth/keys.ts";
import type { Config } from "../config/config.ts";
import { stemCellsOf } from "./stem-cells.ts";
import { unusedFnVariables } from "../config/load.ts";
import { parseListen } from "../config/values.ts";
import { Alarms } from "../events/alarms/alarms.ts";
import { createEvents } from "../events/fire.ts";
import { LoadedExtensions } from "../extensions/loaded.ts";
import { createFlows } from "../flow/flow.ts";
import { createFramework } from "../http/framework.ts";
import type { HttpRequest } from "../http/http.ts";
import { isLoopbackHost } from "../http/loopback.ts";
import { openImages } from "../image/local-images.ts";
import { Definitions } from "../invocation/definitions.ts";
import type { FunctionReference } from "../invocation/invocation.ts";
import { expectStored } from "../invocation/expected.ts";
import { Provisioner } from "../invocation/provisioner.ts";
import { Recorder } from "../invocation/record.ts";
import { withAppParameters } from "../invocation/shared-app.ts";
import { TrailingLogs } from "../invocation/trailing-logs.ts";
import { createInvocation } from "../invocation/whole.ts";
import { realWorld, type World } from "../lib/world.ts";
import { sqliteLogStore } from "../logs/sqlite/store.ts";
import { Admission } from "../metering/admit.ts";
import type { App, Fn, LogLine } from "../model/model.ts";
import { actionProxyProtocol } from "../protocol/action-proxy/action-proxy.ts";
import { frames as framesProtocol } from "../protocol/frames/frames.ts";
import { proxyCode } from "./proxy-code.ts";
import type { ApiAccess } from "../protocol/api-access.ts";
import { httpPortProtocol } from "../protocol/http-port/http-port.ts";
import { httpStreamProtocol } from "../protocol/http-stream/http-stream.ts";
import { runtimeApiProtocol } from "../protocol/runtime-api/runtime-api.ts";
import { stdioProtocol } from "../protocol/stdio/stdio.ts";
import { stdioCloudEventProtocol, stdioHttpProtocol, stdioJsonProtocol } from "../protocol/stdio-stream/stdio-stream.ts";
import type { Queue } from "../queue/queue.ts";
import { sqliteQueue } from "../queue/sqlite/queue.ts";
import { type PlatformAddress, platformName } from "../sandbox/egress/egress.ts";
import type { SandboxDriver } from "../sandbox/sandbox.ts";
import { place } from "../scheduler/place.ts";
import { withNamespace } from "../store/overlay.ts";
import type { Store } from "../store/store.ts";
import { sqliteStore } from "../store/sqlite/store.ts";
import type { Logger } from "../telemetry/logger.ts";
import { keepCredential, openFolder } from "./data-folder.ts";
import { type Docker, openDocker, withDocker } from "./docker.ts";
import { type Door, openDoor } from "./door.ts";
import { hostPath, openStore, pullSettings, startDriver } from "./engines.ts";
import { openFnDoor } from "./fn-door.ts";
import { countRequests } from "./request-counts.ts";
import { Observer } from "./observe.ts";
import { forgetting, openLambdaDoor, openSigningKeys } from "./lambda-door.ts";
import { openWskDoor } from "./openwhisk-door.ts";
import { ownMachineOnly } from "./reach.ts";
import { registriesOf } from "./registries.ts";
import { version } from "./version.ts";

/** A running platform. */
export interface Embedded {
  readonly url: string;
  /** `<key id>:<secret>` of the first namespace. */
  readonly credential: string;
  /** Stops accepting, lets running calls end within the drain time, writes everything out, ends every sandbox. */
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Hears every line that a function prints, for a live view. */
  readonly watch?: (functionName: string, activationId: string, line: LogLine) => void;
  /** Tests hand in one whose clock they set, or which dies at a point. */
  readonly world?: World;
}

/** Starts the platform; rejects, with everything stopped again, when a part cannot start. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { config, logger, world = realWorld() } = options;
  const opened: (() => Promise<void>)[] = [];
  try {
    const extensions = await LoadedExtensions.open(config.extensions, {
      world,
      logger,
      platformVersion: version,
      folder: process.cwd(),
      limitMs: config.extensionTimeoutMs,
    });
    opened.push(() => extensions.close());
    for (const [name, reason] of unusedFnVariables()) logger.warn(`${name} is set and means nothing here`, { reason });
    openFolder(config.data);
    openFolder(config.cache);
    const listen = parseListen(config.listen);
    // First, because it takes the data folder's lock: what else is there may belong to another server that runs on it.
    const database = await openStore(config, world);
    opened.push(() => database.close());
    const serving: { at: PlatformAddress | null } = { at: null };
    const docker = openDocker(config, world, logger);
    const files = await extensions.chosen("sandboxDriver", () => startDriver(config, world, logger, () => serving.at));
    const driver = docker?.beside(files) ?? files;
    opened.push(() => driver.close());
    const below = await extensions.chosen("store", () => sqliteStore(database, { revisionsKept: config.revisionsKept }));
    const system = await readSystemPackages(world.now());
    const store = withNamespace(below, systemNamespace, system.store);
    const credential = keepCredential(config.data, await firstStart(store, world));
    if (!isLoopbackHost(listen.host)) await requireKeys(listen, store);
    const queue = await extensions.chosen("queue", () => sqliteQueue(database, world));
    const logStore = await extensions.chosen("logStore", () => sqliteLogStore(database));
    const observer = new Observer({ config, world, logger, database, store, driver, logStore, queue });
    opened.push(() => observer.close());
    const platform = await assemble(options, world, driver, docker, store, system, observer, queue, extensions);
    opened.push(() => platform.drain());
    const bound = await platform.door.listen(listen);
    serving.at = localAddress(bound);
    platform.start(bound.url);
    const only = ownMachineOnly(bound.url);
    logger.info("Serving", { url: bound.url, ...(only === null ? {} : { reason: only }) });
    return { url: bound.url, credential, close: () => closeAll(opened) };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** The last opened first; one that fails does not keep the others from being closed. */
async function closeAll(opened: (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of opened.splice(0).toReversed()) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function assemble(
  { config, logger, watch }: EmbeddedOptions,
  world: World,
  driver: SandboxDriver,
  docker: Docker | null,
  storeOnDisk: Store,
  system: SystemPackages,
  observer: Observer,
  queue: Queue,
  extensions: LoadedExtensions,
): Promise<{ readonly door: Door; start(url: string): void; drain(): Promise<void> }> {
  const served = { url: config.publicUrl };
  const warn = (sentence: string, err: unknown) => logger.error(sentence, { err });
  const heard = extensions.heard(observer.heard);
  const recorder = new Recorder(storeOnDisk.activations, world, warn, heard);
  const store: Store = { ...storeOnDisk, activations: recorder };
  const { metrics, health } = observer;
  const files = await openImages({
    dataFolder: config.data,
    cacheFolder: join(config.cache),
    world,
    say: (message) => logger.info(message),
    files: driver.name === "process" ? { path: hostPath } : "roots",
    registries: registriesOf(config),
    // Images of functions are the engine's where there is one; those of kinds are not.
    ...((docker !== null && config.kinds.length === 0) || driver.name === "process" ? {} : { pulls: pullSettings(config) }),
    ownKinds: config.kinds,
    provided: providedModules,
  });
  const images = docker === null ? files : withDocker(files, docker);
  await system.addCode(images);
  const actionKinds = new ActionKinds(images.kinds, config.runtimes);
  const functionKeys = new FunctionKeys(world);
  const api: ApiAccess = {
    url: ({ egress }) => (driver.name !== "process" && egress.includes("platform") ? `http://${platformName}` : served.url),
    keyOf: (namespace) => functionKeys.of(namespace),
  };
  const lambdaPlace = { account: config.lambdaAccount, region: config.lambdaRegion };
  const agent = createAgent("local", {
    world,
    driver,
    images,
    protocols: {
      frames: framesProtocol(api, { place: lambdaPlace, world }),
      "http-stream": httpStreamProtocol(world),
      "http-port": httpPortProtocol(world),
      "action-proxy": actionProxyProtocol({ world, api, code: (digest) => proxyCode(images, digest) }),
      "runtime-api": runtimeApiProtocol(world, lambdaPlace),
      stdio: stdioProtocol(world),
      "stdio-http": stdioHttpProtocol(),
      "stdio-json": stdioJsonProtocol(),
      "stdio-cloudevent": stdioCloudEventProtocol(),
    },
    config: {
      ...agentDefaults,
      memoryMiB: config.memoryMiB,
      freezeAfterMs: config.freezeAfterMs,
      cores: config.cores,
      processesMax: config.processesMax,
      openFilesMax: config.openFilesMax,
      tmpFilesMax: config.tmpFilesMax,
      functionWaitingMax: config.functionWaitingMax,
      namespaceWaitingMax: config.namespaceWaitingMax,
      startsMax: config.startsMax,
      stemCells: stemCellsOf(config, images.kinds, actionKinds),
      startTimeoutMs: config.startTimeoutMs,
      installs: {
        memoryMiB: config.installMemoryMiB,
        timeoutMs: config.installTimeoutMs,
        proxy: config.registryProxy,
        direct: config.registryDirect,
      },
    },
  });
  const definitions = new Definitions(store, world);
  const provisioner = new Provisioner({ world, store, agent, warn });
  const trailing = new TrailingLogs(world);
  const admission = new Admission(config, world);
  for (const { namespace, limits } of await store.namespaces.limited()) admission.limit(namespace, limits);
  for (const { name, egress } of await store.namespaces.withEgress()) agent.setEgress(name, egress);
  const agents = [{ id: agent.agentId, memoryMiB: agent.memoryMiB, accepting: true, link: agent }];
  const invocation = createInvocation({
    flows: (invoker) =>
      createFlows({
        world,
        invoker,
        definition: (namespace, target) =>
          actionKinds.inUse(definitions.peek(namespace, target) ?? definitions.load(namespace, target)),
        failureText,
      }),
    queue,
    asyncCallsMax: config.asyncCallsMax,
    namespaceQueuedMax: config.namespaceQueuedMax,
    // Half of the machine is for those who wait.
    busyAsyncCallsMax: Math.max(1, Math.floor(availableParallelism() / 2)),
    warn,
    world,
    definitions,
    admission,
    place: extensions.placement(place),
    hooks: extensions.hooks,
    agents: () => agents,
    recorder,
    logs: observer.collector,
    trailing,
    watch,
    failed: observer.failed,
    waitMsMax: config.waitMsMax,
  });
  const { invoker, calls } = invocation;
  const events = createEvents({ world, store, admission, invoker, check: (fn) => actionKinds.checkInUse(fn) });
  const alarms = new Alarms({ world, store, events, warn });
  observer.watch({ agent, calls, recorder, images });
  const expect = (fn: Fn, app: App | null) => {
    definitions.expect(fn);
    agent.expect(fn, app);
  };
  const keys = functionKeys.beside(store.keys);
  const identifier = createIdentifier({ keys, world });
  const pairs = openSigningKeys(config.data);
  const { bug } = observer;
  const framework = createFramework({ world, bug });
  countRequests(framework, observer.requests);
  extensions.guardFramework(framework);
  extensions.registerEndpoints({ framework, identifier, store, namespace: firstNamespace });
  const shownStore = extensions.listened(store);
  const changedFunction = (change: { namespace: string; functionId: string; revisions: readonly number[] }) => {
    definitions.changed(change.namespace, change.functionId);
    agent.retire(change.functionId, change.revisions);
    provisioner.changed(change.namespace);
  };
  const baseUrl = (request: Pick<HttpRequest, "header">) => config.publicUrl || `http://${request.header("host") ?? "localhost"}`;
  const lambda = openLambdaDoor({
    config,
    keys,
    pairs,
    world,
    store: shownStore,
    images,
    invoker,
    definition: (namespace, target) => definitions.peek(namespace, target) ?? definitions.load(namespace, target),
    logs: observer.collector,
    packages: agent.installer,
    holdCalls: (functionId, revision, refusal) => definitions.hold(functionId, revision, refusal),
    reserved: admission.reserved,
    changed: changedFunction,
    expect,
    provisioned: (fn, revision) => agent.provisioned(fn, revision),
    provisionRefusal: (fn) => agent.provisionRefusal(fn),
    quotas: admission,
    baseUrl,
    failed: observer.bug,
  });
  const kilnRoutes = registerKiln(framework, {
    world,
    store: shownStore,
    logs: observer.logs,
    metrics,
    health,
    sandboxes: (functionId) => agent.sandboxes(functionId),
    provisioned: (fn) => agent.provisioned(fn),
    provisionRefusal: (fn) => agent.provisionRefusal(fn),
    images,
    invoker,
    calls,
    events,
    alarms,
    identifier: forgetting(identifier, lambda.signatures),
    signing: { pairs, region: config.lambdaRegion },
    quotas: admission,
    namespaceLimits: {
      waiting: config.namespaceWaitingMax,
      queued: config.namespaceQueuedMax,
    },
    functionOrigin: config.functionOrigin,
    version,
    bug,
    changed(change) {
      definitions.changed(change.namespace, change.functionId);
      if (change.functionId === null) observer.syslog.changed();
      if (change.functionId !== null) agent.retire(change.functionId, change.revisions);
      provisioner.changed(change.namespace);
    },
    install: (source, namespace, signal) => agent.installer.install(source, namespace, signal),
    setEgress(namespace, egress) {
      agent.setEgress(namespace, egress);
      provisioner.changed(namespace);
    },
    expect,
    prepare: (fn, app) => agent.prepare(withAppParameters(fn, app), app),
  });
  const fnContext: FnContext = {
    store: shownStore,
    urls: extensions.urls,
    invoker,
    calls,
    logs: observer.collector,
    definition: (target: FunctionReference) =>
      definitions.peek(firstNamespace, target) ?? definitions.load(firstNamespace, target),
    cors: { origins: config.corsOrigins, headers: config.corsHeaders },
    world,
    version,
    functionOrigin: config.functionOrigin,
    namespace: firstNamespace,
    identify: (request: HttpRequest) => identifier.identify(request),
    baseUrl,
    changed(ids: readonly string[]) {
      definitions.changed(firstNamespace);
      observer.syslog.changed();
      for (const id of ids) agent.retire(id, []);
      provisioner.changed(firstNamespace);
    },
    expect,
    failed: (err: unknown) => bug(err),
    greeting: () => openWhiskGreeting(openWhisk),
  };
  const openWhisk: WskContext = {
    world,
    kinds: actionKinds,
    store: shownStore,
    images,
    invoker,
    definition: (namespace, target) => definitions.peek(namespace, target) ?? definitions.load(namespace, target),
    logs: observer.collector,
    identify: (credentials) => identifier.identify(credentials),
    install: (source, namespace, signal) => agent.installer.install(source, namespace, signal),
    changed(namespace, functionId, changedFn) {
      definitions.changed(namespace, functionId);
      agent.retire(functionId, changedFn === null ? [] : [changedFn.revision]);
      provisioner.changed(namespace);
    },
    appChanged(namespace, appId) {
      definitions.changed(namespace);
      observer.syslog.changed();
      agent.retire(appId, []);
      provisioner.changed(namespace);
    },
    events,
    expect,
    quotas: admission,
    version,
    functionOrigin: config.functionOrigin,
    baseUrl,
    failed: bug,
  };
  framework.mount("/ui", consoleHandler());
  const whisk = openWskDoor(openWhisk, config.webHost);
  const fn = openFnDoor(fnContext);
  for (const each of [whisk, lambda, fn]) each.mount(framework);
  await Promise.all([framework.app.ready(), lambda.open()]);
  const routes = extensions.guardRoutes([...fn.routes, ...whisk.routes, ...lambda.routes, ...kilnRoutes]);
  const door = openDoor({ world, logger, framework: framework.server, routes, bug }, config, observer);
  return {
    door,
    start(url) {
      served.url ||= url;
      invocation.start();
      alarms.start();
      provisioner.start();
      expectStored(store, agent).catch((error: unknown) =>
        warn("Stored functions could not be read ahead of their calls", error),
      );
    },
    async drain() {
      observer.drain();
      const stopped = door.close(config.drainMs);
      // A moment earlier than the agent, which kills what still runs: calls that the stop cuts off go back into the queue.
      await Promise.all([provisioner.close(), alarms.stop(), lambda.close()]);
      await Promise.all([invocation.close(config.drainMs * 0.9), agent.close(config.drainMs)]);
      await stopped;
      await framework.app.close();
      await recorder.flush();
      trailing.endAll();
    },
  };
}

/** Where this machine reaches a listener that may be bound to every address. */
function localAddress({ host: address, port }: { readonly host: string; readonly port: number }): PlatformAddress {
  const host = address === "0.0.0.0" ? "127.0.0.1" : address;
  return { host: host === "::" ? "::1" : host, port };
}
