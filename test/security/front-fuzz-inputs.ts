/** Inputs for the fuzzer of the front: requests by the grammar, with the faults that matter put in now and then. */

type Random = () => number;

/** Bytes of one to three requests. */
export function requestOf(random: Random): Buffer {
  const count = random() < 0.7 ? 1 : 1 + Math.floor(random() * 3);
  let text = "";
  for (let i = 0; i < count; i++) text += oneRequest(random);
  if (random() < 0.25) text = broken(text, random);
  return Buffer.from(text, "latin1");
}

const crlf = "\r\n";
const badLineEnds = ["\n", "\r", "\r\r\n", "\n\r", "\r\n ", "\r\n\t", " \r\n", "\0\r\n", "\x0b\r\n"];
const methods = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "CONNECT", "QUERY", "SOURCE", "M-SEARCH"];
const badMethods = ["get", "GETT", "G ET", "PRI", "FOO", "GET\t", "", "POS", "DESCRIBE", "GET\0", "\xffGET"];
const targets = ["/", "/invoke/x", "/a?b=c", "/%00", "//", "/a/../b", "http://a/b", "http://a", "https://a:1?x", "*", "/{}|^`"];
const badTargets = [
  "a",
  "/ b",
  "/\x7f",
  "/\xe9",
  "/#f",
  "ftp://a/",
  "http:///x",
  "http://a b/",
  "?",
  "",
  "/\t",
  "http://u@h/",
  "a:1",
];
const versions = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"];
const badVersions = [
  "HTTP/2.0",
  "HTTP/1.2",
  "HTTP/1.10",
  "http/1.1",
  "HTTP/0.9",
  "HTTP/1",
  "HTTP /1.1",
  "",
  "HTTP/1.1 ",
  "ICE/1.0",
  "RTSP/1.0",
];
const lengths = [
  "0",
  "1",
  "5",
  "05",
  "+5",
  "-1",
  "5 ",
  "5, 5",
  "5,6",
  "0x5",
  "5\t",
  "",
  "99999999999999999999",
  "1e1",
  "5;",
  "\x0b5",
  "5\0",
];
const codings = [
  "chunked",
  "Chunked",
  "chunked ",
  "gzip, chunked",
  "chunked, chunked",
  "identity",
  "xchunked",
  "chunked;q=1",
  "\x0bchunked",
  "",
  ", chunked",
  "chunked,",
  "gzip",
];
const connections = [
  "close",
  "keep-alive",
  "Close",
  "close, x",
  "x,close",
  "keep-alive, close",
  "upgrade",
  "closed",
  "x",
  "",
  "close\t",
  "keep-alive,",
  "te, close",
  "close close",
];
const values = ["", "a", " a ", "\ta", "a\tb", "caf\xe9", "a  b", "a:b", "a,b", '"q"'];
const badValues = ["a\0b", "a\x7f", "a\rb", "a\nb", "\x01", "a\r\n b", "a\x0bb"];
const names = ["X-A", "x-a", "Accept", "Cookie", "X_Y", "x!#$%&'*+-.^_`|~1"];
const badNames = [
  "X-A ",
  "X A",
  "",
  ":",
  "X-A\t",
  "X\0",
  "X-\xe9",
  " X-A",
  "(x)",
  "X/A",
  "Content-Length ",
  "Transfer-Encoding\t",
  "Content_Length",
];
const sizes = [
  "5",
  "05",
  "0000000000000005",
  "5;a",
  "5;a=b",
  '5;a="b c"',
  "5 ",
  "5;",
  "5;a=",
  "5;a;b=c",
  "0x5",
  " 5",
  "-5",
  "g",
  "",
  "5\t",
  '5;a="\\""',
  "ffffffffffffffff1",
  "5;a=b;c",
  "5; a",
  '5;"a"',
  '5;a="b',
  "5\0",
];

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

function either(random: Random, good: readonly string[], bad: readonly string[], badShare = 0.04): string {
  return pick(random, random() < badShare ? bad : good);
}

function lineEnd(random: Random): string {
  return random() < 0.008 ? pick(random, badLineEnds) : crlf;
}

function oneRequest(random: Random): string {
  const space = random() < 0.01 ? pick(random, ["  ", "\t", ""]) : " ";
  const before = random() < 0.04 ? pick(random, ["\r\n", "\n", "\r\n\r\n", "\r", " "]) : "";
  let head = `${before}${either(random, methods, badMethods)}${space}${either(random, targets, badTargets)} ${either(random, versions, badVersions, 0.02)}${lineEnd(random)}`;
  const headers: string[] = [];
  if (random() < 0.96)
    headers.push(
      `${cased(random, "Host")}:${random() < 0.9 ? " " : ""}${either(random, ["a", "localhost:1", "[::1]", ""], ["a b", "a/b", "a,b", "u@a"])}`,
    );
  if (random() < 0.01) headers.push("Host: b");
  for (let i = Math.floor(random() * 4); i > 0; i--)
    headers.push(`${either(random, names, badNames, 0.02)}:${either(random, values, badValues, 0.02)}`);
  if (random() < 0.2)
    headers.push(`${cased(random, random() < 0.9 ? "Connection" : "Proxy-Connection")}: ${pick(random, connections)}`);
  if (random() < 0.03) headers.push(`Connection: ${pick(random, connections)}`);
  if (random() < 0.03) headers.push(`Upgrade: ${pick(random, ["websocket", "h2c", ""])}`);
  if (random() < 0.03) headers.push(`Expect: ${pick(random, ["100-continue", "x"])}`);
  if (random() < 0.01) headers.push(pick(random, ["nocolon", " folded", ": x", "\x00"]));
  const body = framing(random, headers);
  shuffle(random, headers);
  for (const header of headers) head += header + lineEnd(random);
  return head + lineEnd(random) + body;
}

/** Adds the headers of a framing, mostly an honest one, and gives the body. */
function framing(random: Random, headers: string[]): string {
  const kind = random();
  if (kind < 0.35) return "";
  if (kind < 0.6) {
    const body = "x".repeat(Math.floor(random() * 12));
    headers.push(`${cased(random, "Content-Length")}: ${body.length}`);
    return body;
  }
  if (kind < 0.88) {
    headers.push(`${cased(random, "Transfer-Encoding")}: chunked`);
    return chunks(random);
  }
  if (random() < 0.7) headers.push(`${cased(random, "Content-Length")}: ${pick(random, lengths)}`);
  if (random() < 0.3) headers.push(`Content-Length: ${pick(random, lengths)}`);
  if (random() < 0.5) headers.push(`${cased(random, "Transfer-Encoding")}: ${pick(random, codings)}`);
  if (random() < 0.1) headers.push(`Transfer-Encoding: ${pick(random, codings)}`);
  return random() < 0.5 ? chunks(random) : "hello";
}

function chunks(random: Random): string {
  let text = "";
  for (let i = Math.floor(random() * 4); i > 0; i--) {
    const odd = random() < 0.1;
    const data = odd ? "hello" : "y".repeat(1 + Math.floor(random() * 20));
    text += `${odd ? pick(random, sizes) : hex(random, data.length)}${lineEnd(random)}${data}${lineEnd(random)}`;
  }
  text += `${random() < 0.04 ? pick(random, ["00", "0;a", "0 ", "0x0", "-0", ""]) : "0"}${lineEnd(random)}`;
  if (random() < 0.1)
    text += `${either(random, [...names, "Content-Length", "Transfer-Encoding", "Connection"], badNames)}:${either(random, [...values, "chunked", "5", "close"], badValues)}${lineEnd(random)}`;
  return text + lineEnd(random);
}

function hex(random: Random, length: number): string {
  const digits = length.toString(16);
  return random() < 0.3 ? digits.toUpperCase() : digits;
}

function cased(random: Random, name: string): string {
  const how = random();
  return how < 0.7 ? name : how < 0.9 ? name.toLowerCase() : name.toUpperCase();
}

function shuffle(random: Random, list: string[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j] as string, list[i] as string];
  }
}

const spice = [
  "\r",
  "\n",
  "\r\n",
  " ",
  "\t",
  "\0",
  ":",
  ";",
  ",",
  "\x7f",
  "\xff",
  "0",
  "a",
  "\r\n\r\n",
  "%",
  "\x0b",
  "\x0c",
  "Z",
];

/** Some bytes put in, taken out, changed or doubled. */
function broken(text: string, random: Random): string {
  let result = text;
  for (let i = 1 + Math.floor(random() * 3); i > 0; i--) {
    const at = Math.floor(random() * (result.length + 1));
    const how = random();
    if (how < 0.35) result = result.slice(0, at) + pick(random, spice) + result.slice(at);
    else if (how < 0.6) result = result.slice(0, at) + result.slice(at + 1 + Math.floor(random() * 3));
    else if (how < 0.8) result = result.slice(0, at) + pick(random, spice) + result.slice(at + 1);
    else if (how < 0.9) result = result.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + result.slice(at + 1);
    else result = result.slice(0, at) + result.slice(Math.max(0, at - Math.floor(random() * 12)));
  }
  return result;
}
