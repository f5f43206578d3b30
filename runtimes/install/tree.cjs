"use strict";
/** Sends folders: of each entry the length of its head, the head as JSON, and what is in a file; a length of 0 ends it. */
const { createReadStream, lstatSync, readdirSync, readlinkSync } = require("node:fs");
const { once } = require("node:events");
const { join } = require("node:path");

/** `results`: folder inside `work` by the path that it is to have in the code. */
exports.sendTree = async function sendTree(socket, work, results) {
  for (const [path, folder] of Object.entries(results)) await sendFolder(socket, join(work, folder), path);
  await written(socket, Buffer.alloc(4));
};

async function sendFolder(socket, folder, path) {
  for (const name of namesIn(folder)) {
    const [from, to] = [join(folder, name), `${path}/${name}`];
    const facts = lstatSync(from);
    if (facts.isDirectory()) {
      await sendHead(socket, { type: "folder", path: to });
      await sendFolder(socket, from, to);
    } else if (facts.isSymbolicLink()) await sendHead(socket, { type: "link", path: to, target: readlinkSync(from) });
    else if (facts.isFile()) await sendFile(socket, from, to, facts);
  }
}

function namesIn(folder) {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

async function sendFile(socket, from, path, { size, mode, mtimeMs }) {
  await sendHead(socket, { type: "file", path, size, mode: mode & 0o777, modifiedMs: Math.trunc(mtimeMs) });
  if (size === 0) return;
  for await (const piece of createReadStream(from, { end: size - 1 })) await written(socket, piece);
}

function sendHead(socket, head) {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return written(socket, Buffer.concat([length, text]));
}

async function written(socket, bytes) {
  if (!socket.write(bytes)) await once(socket, "drain");
}
