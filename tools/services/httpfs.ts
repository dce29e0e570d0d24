/** HttpFS: the HTTP gateway of HDFS, in front of an HDFS of ours. */
import { mkdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { ServiceDefinition } from "./definition";
import { hadoopCommand, hadoopVersion, hdfs, installHadoop } from "./hdfs";
import { startService } from "./start";

export interface HttpFsOptions {
  /** `hdfs://host:port` it stands before; the HDFS that this process shares when absent. */
  readonly rpc?: string;
}

export interface HttpFsAddress {
  /** `http://127.0.0.1:port`: the API is at `/webhdfs/v1`. */
  readonly url: string;
  readonly user: string;
}

export const httpfs: ServiceDefinition<HttpFsOptions, HttpFsAddress> = {
  name: "httpfs",
  about: `Apache HttpFS ${hadoopVersion}, starts hdfs too; needs Java 17 and Maven`,
  install: installHadoop,
  async prepare(place, options) {
    const rpc = options.rpc ?? (await startService(hdfs, {})).rpc;
    const port = await place.port("http");
    const { username: user } = userInfo();
    const command = await hadoopCommand(place, "httpfs", {
      core: { "fs.defaultFS": rpc },
      hdfs: { "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER" },
      httpfs: {
        "httpfs.http.hostname": "127.0.0.1",
        "httpfs.http.port": String(port),
        "httpfs.hadoop.config.dir": join(place.directory, "httpfs.conf"),
        [`httpfs.proxyuser.${user}.hosts`]: "*",
        [`httpfs.proxyuser.${user}.groups`]: "*",
      },
    });
    for (const folder of ["log", "temp"]) mkdirSync(join(place.directory, folder), { recursive: true });
    const homes = [
      `-Dhttpfs.home.dir=${place.directory}`,
      `-Dhttpfs.config.dir=${join(place.directory, "httpfs.conf")}`,
      `-Dhttpfs.log.dir=${join(place.directory, "log")}`,
      `-Dhttpfs.temp.dir=${join(place.directory, "temp")}`,
    ];
    const url = `http://127.0.0.1:${port}`;
    return {
      address: { url, user },
      processes: [
        {
          ...command,
          name: "httpfs",
          args: [...homes, ...command.args, "org.apache.hadoop.fs.http.server.HttpFSServerWebServer"],
          ready: async () => (await fetch(`${url}/webhdfs/v1/?op=LISTSTATUS&user.name=${user}`)).ok,
        },
      ],
    };
  },
};
