"use strict";
/** What starts the shim where it was bundled: one file, with what V8 made of it when `make.cjs` ran it. As modules of their own they start 5 ms later. */
const { readFileSync } = require("node:fs");
const { Script } = require("node:vm");

const filename = `${__dirname}/shim.js`;
const cachedData = readFileSync(`${__dirname}/shim.cache`);
const script = new Script(readFileSync(filename, "latin1"), { filename, cachedData });
script.runInThisContext()(require, __dirname);
