import { execFileSync } from "node:child_process";

/** How slow the machine is beside other tests, by what a start of Node takes: 50 ms with nothing else to do. */
export function busyFactor(): number {
  const startsMs = Array.from({ length: 5 }, () => {
    const beganAt = performance.now();
    execFileSync(process.execPath, ["-e", "0"]);
    return performance.now() - beganAt;
  });
  return Math.max(1, (startsMs.toSorted((one, other) => one - other)[2] ?? 0) / 50);
}
