import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { type HttpConfig, httpDefaults } from "./config.ts";
import { Connection, connectionOf } from "./connection.ts";
import type { Handler, HttpRequest } from "./http.ts";
import { parseJson } from "./json.ts";
import { dropUnreadBody } from "./linger.ts";
import { NodeExchange } from "./node-http.ts";
import { refusalBody, httpStatusOf } from "./refusal.ts";

export interface FrameworkParts {
  readonly world: World;
  readonly config?: Partial<HttpConfig>;
  /** Body of a request where its route says nothing else, in bytes. (Default: 1 MiB) */
  readonly bodyBytesMax?: number;
  /** Hears of errors that are ours, for the platform's log. */
  readonly bug?: (error: unknown, requestId: string) => void;
  /**
   * Whether a request that came over no socket of the listener counts as loopback. Only tests inject such requests, and only they
   * say yes. (Default: false)
   */
  readonly injectedLoopback?: boolean;
}

/** The framework that serves management: everything but the invoke path. */
export interface Framework {
  readonly app: FastifyInstance;
  /** Never listens; the listener gives it requests. */
  readonly server: Server;
  /**
   * Serves every method below a prefix (no slash at its end) by a plain handler, which reads the raw body itself. The empty prefix is
   * everything that no other route takes. `bodyBytesMax`: of its requests, where that is more than of others.
   */
  mount(prefix: string, handler: Handler, bodyBytesMax?: number): void;
  /** Runs a plain handler for one request of a framework route. */
  run(handler: Handler, request: FastifyRequest, reply: FastifyReply): void;
  /** What a door needs of a request to find out who is calling. */
  caller(request: FastifyRequest): Pick<HttpRequest, "header" | "loopback">;
}

/** Call `app.ready()` once every door has registered its routes. */
export function createFramework(parts: FrameworkParts): Framework {
  const config = { ...httpDefaults, ...parts.config };
  let server: Server | undefined;
  /** But for the one of everything. */
  const mounts: { readonly prefix: string; readonly answer: (request: FastifyRequest, reply: FastifyReply) => void }[] = [];
  const app = Fastify({
    serverFactory: (handler) => {
      server = createServer(handler);
      return server;
    },
    bodyLimit: parts.bodyBytesMax ?? 1024 * 1024,
    requestIdHeader: false,
    genReqId: (raw) => requestIdOf(raw.headers["x-request-id"]) ?? parts.world.newId(),
    // Names may be long, and percent-encoding makes them three times as long.
    routerOptions: { maxParamLength: 4096 },
    frameworkErrors: (error, request, reply) => {
      // A path that can't be decoded is for whom it leads to, as far as it can be told.
      const mount = mounts.find(({ prefix }) => request.url.startsWith(`${prefix}/`));
      if (mount === undefined) void renderError(parts, error, request, reply as FastifyReply);
      else mount.answer(request, reply as FastifyReply);
    },
    return503OnClosing: false,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, parseJson(body as string));
    } catch (error) {
      done(error as PlatformError);
    }
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("X-Request-Id", request.id);
  });
  // Who is refused before the body was read must not make us take it.
  app.addHook("onSend", async (request, reply) => dropUnreadBody(request.raw, reply.raw, parts.world));
  app.setErrorHandler((error, request, reply) => renderError(parts, error, request, reply));
  app.setNotFoundHandler((request, reply) => renderError(parts, nothingAt(request), request, reply));

  const connectionFor = (raw: IncomingMessage) => connectionOf(raw.socket) ?? new Connection("", parts.injectedLoopback === true);
  const serve = (handler: Handler, incoming: IncomingMessage, outgoing: ServerResponse, bodyBytesMax: number) => {
    const exchange = new NodeExchange(connectionFor(incoming), incoming, outgoing, { world: parts.world, bodyBytesMax });
    handler(exchange, exchange);
  };
  const run = (handler: Handler, request: FastifyRequest, reply: FastifyReply, bodyBytesMax = config.bodyBytesMax) => {
    reply.hijack();
    serve(handler, request.raw, reply.raw, bodyBytesMax);
  };

  return {
    app,
    server: server as Server,
    run: (handler, request, reply) => run(handler, request, reply),
    mount(prefix, handler, bodyBytesMax) {
      const answer = (request: FastifyRequest, reply: FastifyReply) => run(handler, request, reply, bodyBytesMax);
      if (prefix !== "") mounts.push({ prefix, answer });
      void app.register(async (scope) => {
        readNothing(scope);
        if (prefix !== "") scope.all(prefix, { schema: { hide: true } as object }, answer);
        scope.all(`${prefix}/*`, { schema: { hide: true } as object }, answer);
      });
    },
    caller: (request) => ({
      header: (name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      loopback: connectionFor(request.raw).loopback,
    }),
  };
}

/** Routes of this scope get bodies unread, whatever their type. */
export function readNothing(scope: Pick<FastifyInstance, "removeAllContentTypeParsers" | "addContentTypeParser">): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
}

/**
 * The error a framework error means. Its own have a `statusCode` and say in their code that they are the framework's.
 * `bodyBytesMax`: what the path takes.
 */
export function fromFramework(error: unknown, bodyBytesMax?: number): PlatformError {
  if (error instanceof PlatformError) return error;
  const { statusCode, message, code } = error as Partial<FastifyError>;
  if (statusCode === 413) return bodyTooLarge(bodyBytesMax, error);
  if (statusCode === 415)
    return new PlatformError("invalid", "The request body's Content-Type is not one that this path takes", { cause: error });
  if (code === "ECONNRESET") return new PlatformError("cancelled", "The client closed the connection", { cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new PlatformError("invalid", message ?? "The request is not valid", { cause: error });
  }
  return new PlatformError("internal", "Internal error", { cause: error });
}

function renderError(parts: FrameworkParts, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = fromFramework(error, request.routeOptions.bodyLimit);
  if (known.code === "internal") parts.bug?.(error, request.id);
  // Errors of the router itself come before the hook that sets it.
  reply.header("X-Request-Id", request.id);
  return reply.code(httpStatusOf(known.code)).type("application/json").send(refusalBody(known, request.id));
}

function bodyTooLarge(bytesMax: number | undefined, cause: unknown): PlatformError {
  const limit = bytesMax === undefined ? "this path allows" : `the ${bytesMax} bytes that this path takes`;
  const details = bytesMax === undefined ? {} : { bytesMax };
  return new PlatformError("too_large", `The request body is larger than ${limit}`, { details, cause });
}

function nothingAt(request: FastifyRequest): PlatformError {
  return new PlatformError("not_found", `There is nothing at ${request.method} ${request.url.split("?")[0]?.slice(0, 200)}`);
}

/** A caller's own request id, where it is one that can be logged and searched for. */
export function requestIdOf(given: string | string[] | undefined): string | undefined {
  return typeof given === "string" && /^[\w.:-]{1,128}$/.test(given) ? given : undefined;
}
