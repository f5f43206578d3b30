import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Where sandboxes mount something, or expect a folder. A read-only root can't be given them later. */
const folders = [
  "proc",
  "dev",
  "sys",
  "tmp",
  "run/kiln",
  "run/kiln-init",
  "function",
  "runtime",
  "var/task",
  "opt",
  "home",
  "etc/ssl/certs",
  "usr/bin",
  "usr/sbin",
  "usr/lib",
  "usr/lib64",
  "usr/local/bin",
] as const;

/** Debian's own shape since 12: packages that still name the old folders land in the new ones. */
const mergedFolders = ["bin", "lib", "lib64", "sbin"] as const;

const etcFiles: Readonly<Record<string, string>> = {
  passwd: [
    "root:x:0:0:root:/root:/bin/sh",
    "function:x:1000:1000:function:/tmp:/bin/sh",
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false",
    "",
  ].join("\n"),
  group: ["root:x:0:", "function:x:1000:", "nogroup:x:65534:", ""].join("\n"),
  hosts: "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
  "resolv.conf": "",
};

const certificates = "etc/ssl/certs/ca-certificates.crt";

/** Folders and links that packages unpack into. */
export async function layFolders(root: string): Promise<void> {
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
  for (const name of mergedFolders) await symlink(`usr/${name}`, join(root, name));
}

/** What packages' scripts would have written, and what we need: users, names, certificates of this host. */
export async function layFiles(root: string): Promise<void> {
  for (const folder of folders) await openUp(root, folder);
  for (const [name, text] of Object.entries(etcFiles)) {
    const file = join(root, "etc", name);
    await rm(file, { force: true });
    await writeFile(file, text, { mode: 0o644 });
    await chmod(file, 0o644);
  }
  if (!(await readFile(`/${certificates}`).catch(() => null))) return;
  await copyFile(`/${certificates}`, join(root, certificates));
  await chmod(join(root, certificates), 0o644);
  await symlink("certs/ca-certificates.crt", join(root, "etc/ssl/cert.pem"));
}

/** Links of a recipe; one that a package brought is replaced. */
export async function layLinks(root: string, links: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, target] of Object.entries(links)) {
    const place = join(root, path);
    await mkdir(dirname(place), { recursive: true });
    await openUp(root, dirname(path));
    await rm(place, { force: true });
    await symlink(target, place);
  }
}

/** The mode of every step of a path, whatever the umask of whoever builds: sandboxes run as others. */
async function openUp(root: string, path: string): Promise<void> {
  const names = path.split("/");
  await chmod(root, 0o755);
  for (let depth = 1; depth <= names.length; depth++) await chmod(join(root, ...names.slice(0, depth)), 0o755);
}
