/** Programs that are built from source by Go, once per machine. */
import { cached } from "./cache";
import { need, run } from "./programs";
import { progress } from "./progress";

/**
 * Builds a program; its progress is shown.
 * @param name of the program, and of its folder with the version
 * @param about what needs Go, for whoever lacks it
 * @returns the folder that holds it
 */
export const goInstall = (
  name: string,
  version: string,
  source: string,
  about: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> =>
  cached(`${name}-${version}`, async (folder) => {
    const go = need("go", about);
    const step = progress(`${name} ${version} by go install`);
    let packages = 0;
    const line = (text: string) =>
      step.update(text.startsWith("go: ") ? text : `${++packages} packages compiled, ${text}`);
    await run(go, ["install", "-v", `${source}@v${version}`], {
      cwd: folder,
      env: { GOBIN: folder, GOFLAGS: "-modcacherw", ...env },
      line,
    });
    step.end("built");
  });
