/** Attempts to get out of a sandbox or to reach others from within: rows S1, S2, S3, S5 and S6 of the threat table. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import type { PlatformError } from "../../src/model/error.ts";
import { Box, cannotIsolate } from "./box.ts";
import { syscallProbe, type SyscallResults } from "./syscall-probe.ts";

describe("escape", { skip: cannotIsolate, timeout: 240_000 }, () => {
  let box: Box;
  before(() => {
    box = new Box();
  });
  after(() => box.close());

  test("S1: nothing of the host's files and of other functions is there", async () => {
    const secret = `${box.folder}/secret`;
    writeFileSync(secret, "secret", { mode: 0o644 });
    const other = box.spec("sh", "other").code;
    const paths = [
      "/etc/shadow",
      "/etc/passwd",
      "/root",
      "/home",
      "/var",
      "/sys/kernel",
      "/sys/class",
      "/sys/block",
      "/sys/devices/system/node",
      "/sys/fs/cgroup/cgroup.procs",
      "/run/systemd",
      secret,
      `${other}/main.txt`,
      process.cwd(),
    ];
    const found = await box.ask<Record<string, string>>(
      "node",
      `const fs = require("node:fs"); const found = {};
       for (const path of JSON.parse(process.env.PATHS)) try { fs.statSync(path); found[path] = "there"; } catch (e) { found[path] = e.code; }
       for (const path of ["/proc/1/root/etc/shadow", "/proc/1/cwd/../etc/shadow", "/proc/self/root/../../../etc/shadow", "/proc/kcore", "/proc/kmsg"])
         try { fs.closeSync(fs.openSync(path, "r")); found[path] = "opened"; } catch (e) { found[path] = e.code; }
       console.log(JSON.stringify(found));`,
      { env: { PATHS: JSON.stringify(paths) } },
    );
    for (const [path, result] of Object.entries(found)) assert.match(result, /^(ENOENT|EACCES|EPERM)$/, path);
  });

  test("S1: only /tmp can be written to", async () => {
    const results = await box.ask<Record<string, string>>(
      "node",
      `const fs = require("node:fs"); const results = {};
       for (const folder of ["/", "/bin", "/etc", "/function", "/run", "/run/kiln", "/dev", "/proc", "/proc/sys/kernel", "/sys", "/sys/fs/cgroup", "/tmp", "/dev/shm"])
         try { fs.writeFileSync(folder + "/x", "x"); results[folder] = "written"; } catch (e) { results[folder] = e.code; }
       console.log(JSON.stringify(results));`,
    );
    const { "/tmp": tmp, "/dev/shm": shm, ...others } = results;
    assert.deepEqual([tmp, shm], ["written", "written"]);
    for (const [folder, result] of Object.entries(others)) assert.match(result, /^(EROFS|EACCES|ENOENT|EPERM)$/, folder);
  });

  test("S1: what is told of the machine is of our making", async () => {
    const found = await box.ask<{ mounts: string[]; stat: string }>(
      "node",
      `const fs = require("node:fs");
       const mounts = fs.readFileSync("/proc/self/mountinfo", "utf8").split("\\n").map((line) => line.split(" ")).filter(([, , , , place]) => /^\\/(proc|sys)(\\/|$)/.test(place));
       console.log(JSON.stringify({ mounts: mounts.map(([, , , , place, options]) => place + " " + options.split(",")[0]), stat: fs.readFileSync("/proc/stat", "utf8") }));`,
    );
    const files = ["/proc/cpuinfo", "/proc/meminfo", "/proc/stat"].map((file) => `${file} ro`);
    assert.deepEqual(found.mounts.filter((mount) => mount.endsWith(" ro")).toSorted(), [...files, "/sys ro"]);
    assert.match(found.stat, /^cpu {2}0 0 0 0 /);
  });

  test("nothing is inherited: descriptors, variables, groups, capabilities", async () => {
    const found = await box.ask<{
      fds: string[];
      env: string[];
      initEnv: string[];
      initFds: string[];
      status: string;
      initStatus: string;
    }>(
      "python3",
      `
import os, json
def fds(pid):
    try: return sorted(os.readlink("/proc/%s/fd/%s" % (pid, fd)).split(":")[0] for fd in os.listdir("/proc/%s/fd" % pid) if os.path.islink("/proc/%s/fd/%s" % (pid, fd)))
    except OSError as error: return [type(error).__name__]
own = []
for fd in os.listdir("/proc/self/fd"):
    try: own.append(fd + " " + os.readlink("/proc/self/fd/" + fd))
    except OSError: pass
try: init = open("/proc/1/environ").read().split("\\0")
except OSError as error: init = []
print(json.dumps({"fds": own, "env": sorted(os.environ), "initEnv": [e for e in init if e], "initFds": fds(1),
  "status": open("/proc/self/status").read(), "initStatus": open("/proc/1/status").read()}))`,
    );
    assert.deepEqual(found.fds.map((each) => each.split(" ")[0]).toSorted(), ["0", "1", "2"], found.fds.join());
    assert.deepEqual(
      found.env.filter((name) => !["LC_CTYPE"].includes(name)),
      ["HOME", "KILN_SOCKET", "PATH", "PWD"],
    );
    for (const each of found.initEnv) assert.match(each, /^(PATH|PWD|HOME|KILN_SOCKET)=/);
    // The first process is bwrap's, of the same user; who takes it over must gain nothing.
    for (const status of [found.status, found.initStatus]) {
      const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.trim();
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.equal(field(set), "0000000000000000", set);
      assert.equal(field("NoNewPrivs"), "1");
      assert.equal(field("Seccomp"), "2");
      assert.equal(field("Uid"), "1000\t1000\t1000\t1000");
    }
    for (const each of found.initFds) assert.match(each, /^(anon_inode|\/tmp\/kiln-[^/]*\/pipes\/.*|PermissionError)$/);
  });

  test("S2: other processes cannot be seen or signalled", async () => {
    const found = await box.ask<{ pids: number[]; kill: string; hostname: string }>(
      "node",
      `const fs = require("node:fs");
       let kill; try { process.kill(Number(process.env.HOST_PID), 0); kill = "signalled"; } catch (e) { kill = e.code; }
       console.log(JSON.stringify({ pids: fs.readdirSync("/proc").filter((n) => /^\\d+$/.test(n)).map(Number), kill, hostname: require("node:os").hostname() }));`,
      { env: { HOST_PID: String(process.pid) } },
    );
    assert.ok(found.pids.length <= 2 && found.pids.every((pid) => pid < 10), found.pids.join());
    assert.equal(found.kill, "ESRCH");
    assert.equal(found.hostname, "function");
  });

  test("S3 and S4: sockets of the host cannot be reached: by path, abstract name, loopback, address", async () => {
    let reached = 0;
    const servers = await Promise.all(
      [`${box.folder}/host.sock`, "\0kiln-security-test", { port: 0, host: "127.0.0.1" }].map((where) =>
        listen(where, () => reached++),
      ),
    );
    const { port } = (servers[2] as Server).address() as { port: number };
    const results = await box.ask<Record<string, string>>(
      "python3",
      `
import socket, json, os
results = {}
def attempt(name, family, address):
    s = socket.socket(family, socket.SOCK_STREAM); s.settimeout(1)
    try: s.connect(address); results[name] = "connected"
    except OSError as error: results[name] = type(error).__name__ + " " + str(error.errno)
port = int(os.environ["PORT"])
attempt("path", socket.AF_UNIX, os.environ["HOST_SOCKET"])
attempt("abstract", socket.AF_UNIX, "\\0kiln-security-test")
attempt("loopback", socket.AF_INET, ("127.0.0.1", port))
attempt("loopback 6", socket.AF_INET6, ("::1", port))
attempt("mapped", socket.AF_INET6, ("::ffff:127.0.0.1", port))
attempt("metadata", socket.AF_INET, ("169.254.169.254", 80))
attempt("world", socket.AF_INET, ("1.1.1.1", 80))
print(json.dumps(results))`,
      { env: { PORT: String(port), HOST_SOCKET: `${box.folder}/host.sock` } },
    );
    for (const [name, result] of Object.entries(results)) assert.match(result, /Error/, name);
    assert.equal(reached, 0);
    for (const server of servers) server.close();
  });

  const swaps: [what: string, code: string][] = [
    ["a link to a host socket", `fs.symlinkSync(process.env.HOST_SOCKET, "/tmp/io/s.sock")`],
    ["a link upwards", `fs.symlinkSync("../../../../../.." + process.env.HOST_SOCKET, "/tmp/io/s.sock")`],
    ["a link to a link", `fs.symlinkSync(process.env.HOST_SOCKET, "/tmp/io/b"); fs.symlinkSync("b", "/tmp/io/s.sock")`],
    ["a file", `fs.writeFileSync("/tmp/io/s.sock", "x")`],
    ["a folder", `fs.mkdirSync("/tmp/io/s.sock")`],
    ["a link to a folder", `fs.mkdirSync("/tmp/io/d"); fs.symlinkSync("d", "/tmp/io/s.sock")`],
    ["a link to its own folder", `fs.symlinkSync(".", "/tmp/io/s.sock")`],
  ];
  for (const [what, code] of swaps) {
    test(`S3: in place of its socket a function puts ${what}`, async () => {
      let reached = 0;
      const server = await listen(`${box.folder}/swap.sock`, () => reached++);
      const sandbox = await box.start("node", `const fs = require("node:fs"); ${code}; setInterval(() => {}, 1000);`, {
        endpoint: { via: "unix", folder: "/tmp/io", name: "s.sock" },
        env: { HOST_SOCKET: `${box.folder}/swap.sock` },
      });
      await assert.rejects(
        sandbox.connect(AbortSignal.timeout(30_000)),
        (error: PlatformError) => error.code === "function_protocol",
      );
      assert.equal(reached, 0);
      await sandbox.stop();
      server.close();
    });
  }

  test("unix: a link to a socket beside it is followed", async () => {
    const sandbox = await box.start(
      "node",
      `const fs = require("node:fs");
       require("node:net").createServer((s) => s.end("reached")).listen("/tmp/io/real.sock", () => fs.symlinkSync("real.sock", "/tmp/io/s.sock"));`,
      { endpoint: { via: "unix", folder: "/tmp/io", name: "s.sock" } },
    );
    const connection = await sandbox.connect(AbortSignal.timeout(30_000));
    const chunks = [];
    for await (const chunk of connection) chunks.push(chunk);
    assert.equal(Buffer.concat(chunks as Buffer[]).toString(), "reached");
    await sandbox.stop();
  });

  test("S5 and S6: system calls that lead out are refused", async () => {
    const results = await box.ask<SyscallResults>("python3", syscallProbe.code);
    assert.deepEqual(results, syscallProbe.expected);
  });
});

async function listen(where: string | { port: number; host: string }, onConnection: () => void): Promise<Server> {
  const server = createServer((socket) => {
    onConnection();
    socket.destroy();
  });
  await new Promise<void>((resolve) =>
    typeof where === "string" ? server.listen(where, resolve) : server.listen(where, resolve),
  );
  return server;
}
