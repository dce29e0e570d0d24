/** What another process spends, as Linux says it: the same view on a contender of ours and on one that is no Node.js. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Clock ticks a second in which /proc counts. */
const TICKS = process.platform === "linux" ? Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" })) : NaN;

/** CPU seconds of user and system since the process began, all threads. */
export const cpuOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in brackets, may hold spaces: fields are counted from behind it.
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) / TICKS;
};

/** Highest resident memory so far, in MB. */
export const peakOf = (pid: number): number =>
  Number(/VmHWM:\s*(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

export const needLinux = (): void => {
  if (process.platform !== "linux") throw new Error("this bench reads /proc: it runs on Linux only");
};
