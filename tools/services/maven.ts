/** Java services as folders of jars, resolved by Maven from a generated pom. */
import { createHash } from "node:crypto";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, locked } from "./cache";
import { java, need, run } from "./programs";
import { progress } from "./progress";

export interface Artifacts {
  /** What it is for people, and the beginning of its folder's name in the cache. */
  readonly name: string;
  readonly version: string;
  /** `group:artifact:version` or `group:artifact:version:type:classifier`. */
  readonly artifacts: readonly string[];
  /** `group:artifact` left out of every artifact's dependencies. */
  readonly without?: readonly string[];
}

/** The folder with all jars of the artifacts and their dependencies; fetched once. */
export async function jars(wanted: Artifacts): Promise<string> {
  const what = `${wanted.name} ${wanted.version}`;
  await java(what);
  const project = pom(wanted);
  const content = createHash("sha256").update(project).digest("hex").slice(0, 8);
  const folder = await cached(`${wanted.name}-${wanted.version}-${content}`, async (making) => {
    const mvn = need("mvn", what);
    const step = progress(`${what} by Maven`);
    await mkdir(join(making, "lib"));
    await writeFile(join(making, "pom.xml"), project);
    const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
    const args = ["-B", goal, `-DoutputDirectory=${join(making, "lib")}`, "-DincludeScope=runtime"];
    let fetched = 0;
    const line = (text: string) => {
      const file = /Downloaded from \S+ \S+\/([^/ ]+) \(([^)]*)\)/.exec(text);
      if (file) step.update(`${++fetched} files fetched, ${file[1]} ${file[2]}`);
    };
    // Maven's local repository is not made for several writers
    await locked("maven", async () => {
      const once = () => run(mvn, args, { cwd: making, line });
      await once().catch(async (error: Error) => {
        step.end(`failed, trying once more: ${error.message.split("\n").at(-1)}`);
        await once();
      });
    });
    step.end(`${(await readdir(join(making, "lib"))).length} jars`);
    await rename(join(making, "pom.xml"), join(making, "resolved-pom.xml"));
  });
  return join(folder, "lib");
}

/**
 * The folder with what an archive holds; fetched once.
 * @param artifact `group:artifact:version:type:classifier` of a zip or tar.gz
 */
export async function unpacked(name: string, version: string, artifact: string): Promise<string> {
  const what = `${name} ${version}`;
  await java(what);
  return cached(`${name}-${version}`, async (making) => {
    const mvn = need("mvn", what);
    const step = progress(`${what} by Maven`);
    step.update("fetching");
    const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";
    const args = ["-B", goal, `-Dartifact=${artifact}`, `-DoutputDirectory=${making}`];
    // without a project Maven would keep its marks in a folder named ${project.basedir}
    args.push(`-Dmdep.markersDirectory=${making}`, `-DmarkersDirectory=${making}`);
    await locked("maven", () => run(mvn, args, { cwd: making }));
    step.end("unpacked");
  });
}

function pom({ name, version, artifacts, without = [] }: Artifacts): string {
  const exclusions = without
    .map((pair) => pair.split(":"))
    .map(([group, id]) => `<exclusion><groupId>${group}</groupId><artifactId>${id}</artifactId></exclusion>`)
    .join("");
  const dependencies = artifacts.map((artifact) => {
    const [group, id, release, type, classifier] = artifact.split(":");
    return `    <dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${release}</version>${
      type ? `<type>${type}</type>` : ""
    }${classifier ? `<classifier>${classifier}</classifier>` : ""}${
      exclusions ? `<exclusions>${exclusions}</exclusions>` : ""
    }</dependency>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>citystream.services</groupId>
  <artifactId>${name}</artifactId>
  <version>${version}</version>
  <dependencies>
${dependencies.join("\n")}
  </dependencies>
</project>
`;
}
