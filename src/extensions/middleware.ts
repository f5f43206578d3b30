import type { FastifyReply, FastifyRequest } from "fastify";
import type { Framework } from "../http/framework.ts";
import type { FastRoute, HttpRequest, HttpResponse } from "../http/http.ts";
import { refusalBody, httpStatusOf } from "../http/refusal.ts";
import { asPlatformError } from "../model/error.ts";
import { type WholeAnswer, wholeAnswer } from "./answer.ts";
import { ExtendedResponse, withHeader } from "./changed-exchange.ts";
import type { Extension, Middleware, MiddlewareRequest, Next } from "./extensions.ts";
import type { Guard } from "./guard.ts";

/** A middleware and whose it is. */
interface Layer {
  readonly extension: string;
  readonly kind: "apiMiddleware" | "rootMiddleware";
  readonly middleware: Middleware;
}

/** What passes through the layers: a request of whatever server, and what can be done with it. */
interface Passage {
  readonly request: MiddlewareRequest;
  setHeader(name: string, value: string): void;
  addAnswerHeader(name: string, value: string): void;
  proceed(): void;
  answer(answer: WholeAnswer): void;
}

/** Puts the middleware of all extensions before the framework's routes. To be called before doors register theirs. */
export function guardFramework({ app }: Framework, extensions: readonly Extension[], guard: Guard): void {
  const root = layersOf(extensions, "rootMiddleware");
  const api = [...root, ...layersOf(extensions, "apiMiddleware")];
  if (api.length === 0) return;
  // With a callback, so that what a middleware keeps around `next()` in an AsyncLocalStorage is there in what follows.
  app.addHook("onRequest", (request, reply, done) => {
    pass(guard, isApi(request.url) ? api : root, new FrameworkPassage(request, reply, done));
  });
}

/** The fast routes behind root middleware; the same list where there is none, so that calls pay nothing. */
export function guardRoutes(routes: readonly FastRoute[], extensions: readonly Extension[], guard: Guard): readonly FastRoute[] {
  const root = layersOf(extensions, "rootMiddleware");
  if (root.length === 0) return routes;
  return routes.map((route) => ({
    ...route,
    handler: (request, response) => pass(guard, root, new CallPassage(request, response, route)),
  }));
}

function layersOf(extensions: readonly Extension[], kind: Layer["kind"]): Layer[] {
  return extensions.flatMap((extension) => {
    const middleware = extension[kind];
    return middleware === undefined ? [] : [{ extension: extension.name, kind, middleware }];
  });
}

const isApi = (url: string) => /^\/(v2|kiln)(\/|\?|$)/.test(url);

/** Through one layer after the other; the last one's `next` is the way on. */
function pass(guard: Guard, layers: readonly Layer[], passage: Passage, index = 0): void {
  const layer = layers[index];
  if (layer === undefined) return passage.proceed();
  const { extension, kind, middleware } = layer;
  const at = { extension, point: kind };
  let over = false;
  const end = (how: () => void) => {
    if (over) return;
    over = true;
    how();
  };
  const next: Next = (changes) =>
    end(() => {
      for (const [name, value] of Object.entries(changes?.headers ?? {})) passage.setHeader(name, value);
      for (const [name, value] of Object.entries(changes?.answerHeaders ?? {})) passage.addAnswerHeader(name, value);
      pass(guard, layers, passage, index + 1);
    });
  const asked = async () => {
    const answer = await middleware(passage.request, next);
    if (answer !== undefined) return wholeAnswer(answer);
    if (!over) throw new Error("It returned without an answer and without having called next");
    return null;
  };
  guard.ask(at, asked).then(
    (answer) => end(() => void (answer === null || passage.answer(answer))),
    (error: unknown) => end(() => passage.answer(refusalAnswer(error))),
  );
}

function refusalAnswer(thrown: unknown): WholeAnswer {
  const error = asPlatformError(thrown);
  const headers = ["Content-Type", "application/json; charset=utf-8"];
  return { status: httpStatusOf(error.code), headers, body: Buffer.from(refusalBody(error, null)) };
}

/** A request to the framework. */
class FrameworkPassage implements Passage {
  readonly request: MiddlewareRequest;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  readonly #done: () => void;

  constructor(request: FastifyRequest, reply: FastifyReply, done: () => void) {
    this.#request = request;
    this.#reply = reply;
    this.#done = done;
    this.request = seen(request);
  }

  setHeader(name: string, value: string): void {
    const { raw } = this.#request;
    raw.headers[name.toLowerCase()] = value;
    // Handlers that read the list, as they do on a fast route, find the first one.
    raw.rawHeaders.unshift(name, value);
  }

  addAnswerHeader(name: string, value: string): void {
    this.#reply.raw.appendHeader(name, value);
  }

  proceed(): void {
    this.#done();
  }

  answer({ status, headers, body }: WholeAnswer): void {
    for (let i = 0; i < headers.length; i += 2) this.#reply.header(headers[i] as string, headers[i + 1]);
    void this.#reply.code(status).send(body);
  }
}

/** A request of a fast route. */
class CallPassage implements Passage {
  readonly #route: FastRoute;
  #request: HttpRequest;
  #response: HttpResponse;

  constructor(request: HttpRequest, response: HttpResponse, route: FastRoute) {
    this.#request = request;
    this.#response = response;
    this.#route = route;
  }

  get request(): MiddlewareRequest {
    return this.#request;
  }

  setHeader(name: string, value: string): void {
    this.#request = withHeader(this.#request, name, value);
  }

  addAnswerHeader(name: string, value: string): void {
    this.#response = new ExtendedResponse(this.#response, name, value);
  }

  proceed(): void {
    try {
      this.#route.handler(this.#request, this.#response);
    } catch (error) {
      this.answer(refusalAnswer(error));
    }
  }

  answer({ status, headers, body }: WholeAnswer): void {
    this.#response.send(status, headers, body);
  }
}

function seen({ raw, ip }: FastifyRequest): MiddlewareRequest {
  const target = raw.url ?? "/";
  const question = target.indexOf("?");
  return {
    method: raw.method ?? "GET",
    target,
    path: question === -1 ? target : target.slice(0, question),
    peer: ip,
    get headers() {
      return raw.rawHeaders;
    },
    header(name) {
      const value = raw.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}
