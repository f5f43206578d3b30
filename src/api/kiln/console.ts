/** Serves the console, which is built from `ui/`. The page is public; what it shows it asks of our API, as whoever opened it. */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";

/** Where the build puts it; the same from `src/api/kiln` and from `dist/api/kiln`. */
const builtFolder = join(import.meta.dirname, "../../../ui/dist");

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** By preference: what browsers name in Accept-Encoding, and the ending of the file that is packed so. */
const encodings = [
  ["br", ".br"],
  ["gzip", ".gz"],
] as const;

/** The page may load our own files and ask our own API; nothing inline, nothing of others, in nobody's frame. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const safety = [
  "Content-Security-Policy",
  policy,
  "X-Content-Type-Options",
  "nosniff",
  "X-Frame-Options",
  "DENY",
  "Referrer-Policy",
  "no-referrer",
  "Cross-Origin-Opener-Policy",
  "same-origin",
  "Cross-Origin-Resource-Policy",
  "same-origin",
];

/** One file in every form it is sent in, by encoding. */
interface Asset {
  readonly headers: readonly string[];
  readonly bodies: ReadonlyMap<string, { readonly bytes: Buffer; readonly etag: string }>;
}

/** The console at `/ui`; its files are read once, here. Without a build it says how to make one. */
export function consoleHandler(folder = builtFolder): Handler {
  const assets = readAssets(folder);
  return (request, response) => {
    request.body.cancel();
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refuse(response, 405, `${request.method} is not possible here`, ["Allow", "GET, HEAD"]);
    }
    if (request.path === "/ui") return response.send(308, ["Location", "ui/"], "");
    const asset = assets.get(request.path === "/ui/" ? "index.html" : request.path.slice("/ui/".length));
    if (asset !== undefined) return sendAsset(request, response, asset);
    if (assets.size === 0) return refuse(response, 503, "The console is not built. Build it with: ./kiln build");
    return refuse(response, 404, "The console has no such file; it begins at /ui/");
  };
}

/** A browser at `/` goes to the console; every other program, and every other path, is served as before. */
export function consoleForBrowsers(rest: Handler): Handler {
  return (request, response) => {
    const browser = request.path === "/" && request.header("accept")?.includes("text/html") === true;
    if (!browser || (request.method !== "GET" && request.method !== "HEAD")) return rest(request, response);
    request.body.cancel();
    response.send(302, ["Location", "ui/", "Vary", "Accept", "Cache-Control", "no-store"], "");
  };
}

function sendAsset(request: HttpRequest, response: HttpResponse, { headers, bodies }: Asset): void {
  const accepted = request.header("accept-encoding") ?? "";
  const encoding = encodings.find(([name]) => bodies.has(name) && accepts(accepted, name))?.[0] ?? "identity";
  const { bytes, etag } = bodies.get(encoding) as { bytes: Buffer; etag: string };
  const own = [...headers, "ETag", etag, "Vary", "Accept-Encoding"];
  if (request.header("if-none-match")?.includes(etag)) return response.send(304, own, "");
  if (encoding !== "identity") own.push("Content-Encoding", encoding);
  response.send(200, own, bytes);
}

function accepts(header: string, encoding: string): boolean {
  return header.split(",").some((part) => {
    const [name, quality] = part.split(";").map((text) => text.trim().toLowerCase());
    return name === encoding && !/^q=0(\.0*)?$/.test(quality ?? "");
  });
}

function refuse(response: HttpResponse, status: number, sentence: string, headers: readonly string[] = []): void {
  response.send(status, ["Content-Type", "text/plain; charset=utf-8", ...safety, ...headers], `${sentence}\n`);
}

function readAssets(folder: string): ReadonlyMap<string, Asset> {
  const names = globSync("**/*.{html,js,css,svg}", { cwd: folder });
  return new Map(names.map((name) => [name.replaceAll("\\", "/"), readAsset(folder, name)]));
}

function readAsset(folder: string, name: string): Asset {
  // Names of files below assets/ carry a hash of what is in them.
  const caching = name.startsWith("assets") ? "public, max-age=31536000, immutable" : "no-cache";
  const headers = ["Content-Type", types[extname(name)] as string, "Cache-Control", caching, ...safety];
  const bodies = new Map([["identity", readBody(join(folder, name))]]);
  for (const [encoding, ending] of encodings) {
    const packed = join(folder, name + ending);
    if (existsSync(packed)) bodies.set(encoding, readBody(packed));
  }
  return { headers, bodies };
}

function readBody(file: string): { bytes: Buffer; etag: string } {
  const bytes = readFileSync(file);
  return { bytes, etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"` };
}
