/**
 * Fn's container contract: an HTTP/1.1 server of an Fn kit on a unix socket, asked `POST /call`, one request at a time.
 *
 * Requests through a route travel in the kits' `Fn-Http-` headers and answers come back out of them, so doors see plain HTTP.
 */
import type { World } from "../../lib/world.ts";
import type { Fn } from "../../model/model.ts";
import type { FunctionProtocol, Launch, LaunchApp } from "../protocol.ts";
import { HttpStreamSession } from "./session.ts";

const socketFolder = "/tmp/iofs";
const socketName = "lsnr.sock";

/** One for all functions of a process. */
export function httpStreamProtocol(world: World): FunctionProtocol {
  // A function learns the name from its environment; what matters is that nobody prints it by accident.
  const frameName = `FN_LOGFRAME_${world.newId()}`;
  return {
    name: "http-stream",
    once: false,
    serial: true,
    attributesOutput: true,
    launch: (fn, app) => launch(fn, app, frameName),
    async open(_fn, dial, hooks, signal) {
      const stream = await dial(signal);
      return new HttpStreamSession(stream, { dial, hooks, world, frameName });
    },
  };
}

function launch(fn: Fn, app: LaunchApp, frameName: string): Launch {
  return {
    env: {
      ...app.config,
      ...fn.config,
      FN_MEMORY: String(fn.memoryMiB),
      FN_TYPE: "sync",
      FN_FN_ID: fn.id,
      FN_APP_ID: fn.appId ?? "",
      FN_LISTENER: `unix:${socketFolder}/${socketName}`,
      FN_FORMAT: "http-stream",
      FN_APP_NAME: app.name ?? "",
      FN_FN_NAME: fn.name,
      FN_LOGFRAME_NAME: frameName,
      FN_LOGFRAME_HDR: "Fn-Call-Id",
    },
    endpoint: { via: "unix", folder: socketFolder, name: socketName },
    outputMark: `${frameName}=`,
    shim: false,
  };
}
