/** Apicurio Registry, which speaks the API of Confluent's schema registry; it keeps schemas in memory, while it runs. */
import { join } from "node:path";
import type { ServiceDefinition } from "./definition";
import { unpacked } from "./maven";
import { java } from "./programs";

const version = "2.6.13.Final";

export interface RegistryAddress {
  /** The base of Confluent's API. */
  readonly url: string;
}

const install = (): Promise<string> =>
  unpacked("apicurio-registry", version, `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`);

export const registry: ServiceDefinition<object, RegistryAddress> = {
  name: "registry",
  about: `Apicurio Registry ${version}, a schema registry; needs Java 17 and Maven`,
  install: async () => void (await install()),
  async prepare(place) {
    const folder = await install();
    const port = await place.port("http");
    const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
    return {
      address: { url },
      processes: [
        {
          name: "registry",
          program: await java("Apicurio Registry"),
          args: [
            "-Xmx384m",
            "-Dquarkus.http.host=127.0.0.1",
            `-Dquarkus.http.port=${port}`,
            "-jar",
            join(folder, `apicurio-registry-app-${version}-runner.jar`),
          ],
          directory: place.directory,
          log: join(place.directory, "registry.log"),
          ready: async () => (await fetch(`${url}/subjects`)).ok,
        },
      ],
    };
  },
};
