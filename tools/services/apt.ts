/** Programs from Debian's and Ubuntu's packages, installed when this process may do so. */
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { locked } from "./cache";
import { find, MissingProgram, run } from "./programs";
import { progress } from "./progress";

/**
 * The full path of `program`; where it is missing and this process is root on a system with apt, `packages` are
 * installed first. The system's own service of that name is not started.
 */
export async function fromApt(program: string, packages: readonly string[]): Promise<string> {
  const before = find(program);
  if (before) return before;
  if (!(await installApt(packages, () => find(program) !== undefined)))
    throw new MissingProgram(program, "this test or service");
  const after = find(program);
  if (after) return after;
  throw new MissingProgram(program, "this test or service", `was not in the packages ${packages.join(", ")}`);
}

/** Installs packages unless `there` says that they are; false where this process may not. */
export async function installApt(packages: readonly string[], there: () => boolean): Promise<boolean> {
  const apt = find("apt-get");
  if (!apt || process.getuid?.() !== 0) return false;
  await locked("apt", async () => {
    if (there()) return;
    const step = progress(`${packages.join(", ")} by apt-get`);
    const options = { line: (text: string) => step.update(text), env: { DEBIAN_FRONTEND: "noninteractive" } };
    await withoutAutostart(async () => {
      await run(apt, ["update"], options);
      await run(apt, ["install", "-y", "--no-install-recommends", ...packages], options);
    });
    step.end("installed");
  });
  return true;
}

/** Debian starts servers when it installs them unless this file says no (invoke-rc.d's policy layer). */
async function withoutAutostart(work: () => Promise<void>): Promise<void> {
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  if (ours) await writeFile(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await work();
  } finally {
    if (ours) await rm(policy, { force: true });
  }
}
