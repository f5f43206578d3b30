import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { realWorld } from "../../lib/world.ts";
import { Places } from "./places.ts";

const listed = (folder: string) => readdirSync(folder, { recursive: true }).toSorted();

describe("places for code", () => {
  let folder = "";
  let places: Places;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "kiln-places-"));
    places = await Places.open(join(folder, "cells"), realWorld());
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const codeOf = (name: string, files: number) => {
    const code = join(folder, name);
    mkdirSync(join(code, "lib/deep"), { recursive: true });
    writeFileSync(join(code, "index.js"), name);
    symlinkSync("../index.js", join(code, "lib/link.js"));
    for (let n = 0; n < files; n++) writeFileSync(join(code, `lib/deep/${n}`), String(n));
    return code;
  };
  const layouts = () => (existsSync(join(folder, "cells-laid-out")) ? readdirSync(join(folder, "cells-laid-out")).length : 0);

  test("little code is linked, and never laid out", async () => {
    const code = codeOf("little", 10);
    await places.layOut(code);
    const place = await places.make();
    assert.equal(layouts(), 0);
    assert.equal(place.fill(code), true);
    assert.deepEqual(listed(place.folder), listed(code));
    assert.equal(readFileSync(join(place.folder, "lib/link.js"), "utf8"), "little");
    assert.equal(statSync(join(place.folder, "index.js")).ino, statSync(join(code, "index.js")).ino);
    await place.remove();
    assert.equal(existsSync(place.folder), false);
  });

  test("large code is laid out first, and again once that was used", async () => {
    const code = codeOf("large", 500);
    const [first, second, third] = [await places.make(), await places.make(), await places.make()];
    assert.equal(first.fill(code), false);
    assert.deepEqual(readdirSync(first.folder), [], "nothing was done");
    await places.layOut(code);
    assert.equal(layouts(), 1);
    assert.equal(second.fill(code), true);
    assert.equal(third.fill(code), false, "it is on its way");
    assert.deepEqual(listed(second.folder), listed(code));
    await places.layOut(code);
    assert.equal(third.fill(code), true);
    assert.deepEqual(listed(third.folder), listed(code));
  });

  test("too much of it, or much at its top, is left as it is", async () => {
    const code = codeOf("flat", 5);
    for (let n = 0; n < 300; n++) writeFileSync(join(code, `file-${n}`), "");
    await places.layOut(code);
    assert.equal((await places.make()).fill(code), false);
  });

  test("what was used longest ago goes first, and all with the next server", async () => {
    for (let n = 0; n < 40; n++) await places.layOut(codeOf(`many-${n}`, 101));
    assert.ok(layouts() <= 33, String(layouts()));
    assert.equal((await places.make()).fill(join(folder, "many-0")), false);
    assert.equal((await places.make()).fill(join(folder, "many-39")), true);
    await places.layOut(join(folder, "many-39"));
    await Places.open(join(folder, "cells"), realWorld());
    assert.equal(layouts(), 0);
  });
});
