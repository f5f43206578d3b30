"use strict";

const catNames = require("cat-names");

function getCatName(event, context, callback) {
  callback(null, { payload: `Your cat name is ${catNames.random()}.` });
}

module.exports = getCatName;
