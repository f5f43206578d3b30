import { PlatformError } from "../model/error.ts";

/** A user and a group by their numbers. */
export interface ImageUser {
  readonly uid: number;
  readonly gid: number;
}

/** Of images that say nothing else, and of those that would have functions be root: as Fn has it. */
export const functionUser: ImageUser = { uid: 1000, gid: 1000 };

const idMax = 0xffff_fffe;

/**
 * Who an image says that it runs as: `NAME|ID[:GROUP|ID]`, where names are its own; never root. `read`: the text of a file inside, empty where there is
 * none; it is only asked for what the numbers do not say. Throws `invalid` for somebody that the image does not know.
 */
export async function userOf(image: string, text: string, read: (file: string) => Promise<string>): Promise<ImageUser> {
  const [name = "", group] = text.trim().split(":");
  if (name === "" || name === "root" || idOf(name) === 0) return functionUser;
  const uidWritten = idOf(name);
  const fields = uidWritten !== undefined && group !== undefined ? null : await lineOf(name, "/etc/passwd", read);
  const uid = uidWritten ?? idOf(fields?.[2]);
  const gid = group === undefined ? (idOf(fields?.[3]) ?? functionUser.gid) : await groupOf(group, read);
  if (uid === undefined || gid === undefined) {
    throw new PlatformError("invalid", `The image ${image} is to run as ${text}, and knows no such user or group`);
  }
  return uid === 0 ? functionUser : { uid, gid };
}

async function groupOf(group: string, read: (file: string) => Promise<string>): Promise<number | undefined> {
  return idOf(group) ?? idOf((await lineOf(group, "/etc/group", read))?.[2]);
}

/** By name, or by number where it is one. */
async function lineOf(name: string, file: string, read: (file: string) => Promise<string>): Promise<readonly string[] | null> {
  const lines = (await read(file)).split("\n").map((line) => line.split(":"));
  return lines.find((fields) => fields[0] === name) ?? lines.find((fields) => fields[2] === name) ?? null;
}

function idOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= idMax ? Number(text) : undefined;
}
