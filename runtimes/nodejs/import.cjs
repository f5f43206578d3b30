"use strict";
/** Not part of the bundle: from there `import()` would be an experimental feature of `node:vm`, and Node would say so in the function's log. */
module.exports = (url) => import(url);
