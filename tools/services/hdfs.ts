/** Apache HDFS: a name node and data nodes, reached by WebHDFS. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import type { Place, ServiceDefinition } from "./definition";
import { kdc, type KdcAddress } from "./kdc";
import { jars } from "./maven";
import type { ProcessPlan } from "./process";
import { java, run } from "./programs";
import { startService } from "./start";

export const hadoopVersion = "3.4.2";

export interface HdfsOptions {
  /** Number of data nodes; 2 when absent. */
  readonly dataNodes?: number;
  /** Demands Kerberos, by the `kdc` that this process shares. */
  readonly kerberos?: boolean;
  /** Further properties of hdfs-site.xml. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface HdfsAddress {
  /** `http://127.0.0.1:port` of the name node: WebHDFS is at `/webhdfs/v1`. */
  readonly url: string;
  /** `hdfs://127.0.0.1:port`, what Hadoop's own clients take. */
  readonly rpc: string;
  /** The user who may do everything. */
  readonly user: string;
}

const hadoopJars = (): Promise<string> =>
  jars({
    name: "hadoop",
    version: hadoopVersion,
    artifacts: ["common", "hdfs", "hdfs-client", "hdfs-httpfs"].map(
      (part) => `org.apache.hadoop:hadoop-${part}:${hadoopVersion}`,
    ),
  });

export const installHadoop = async (): Promise<void> => void (await hadoopJars());

export const hdfs: ServiceDefinition<HdfsOptions, HdfsAddress> = {
  name: "hdfs",
  about: `Apache HDFS ${hadoopVersion}: name node, two data nodes, WebHDFS; needs Java 17 and Maven`,
  install: installHadoop,
  async prepare(place, options) {
    const rpc = `hdfs://127.0.0.1:${await place.port("rpc")}`;
    const http = `127.0.0.1:${await place.port("http")}`;
    const { username: user } = userInfo();
    const count = options.dataNodes ?? 2;
    const secure = options.kerberos ? securityBy(await startService(kdc, {})) : OPEN;
    const nameNode = await hadoopCommand(place, "namenode", {
      java: secure.java,
      core: {
        "fs.defaultFS": rpc,
        ...secure.core,
        // HttpFS acts for its callers
        [`hadoop.proxyuser.${user}.hosts`]: "*",
        [`hadoop.proxyuser.${user}.groups`]: "*",
      },
      hdfs: {
        "dfs.namenode.http-address": http,
        "dfs.namenode.name.dir": join(place.directory, "name"),
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.namenode.fs-limits.min-block-size": "65536",
        "dfs.namenode.safemode.extension": "0",
        // a data node that is gone is dead after 2 × recheck + 10 × heartbeat: 15 s
        "dfs.namenode.heartbeat.recheck-interval": "2500",
        "dfs.heartbeat.interval": "1",
        "dfs.replication": String(Math.min(2, count)),
        ...secure.hdfs,
        ...options.properties,
      },
    });
    if (!existsSync(join(place.directory, "name", "current"))) {
      const main = "org.apache.hadoop.hdfs.server.namenode.NameNode";
      await run(nameNode.program, [...nameNode.args, main, "-format", "-nonInteractive"]);
    }
    const processes: ProcessPlan[] = [
      {
        ...nameNode,
        name: "namenode",
        args: [...nameNode.args, "org.apache.hadoop.hdfs.server.namenode.NameNode"],
        ready: /NameNode RPC up at/,
      },
    ];
    for (let index = 1; index <= count; index++) processes.push(await dataNode(place, index, rpc, secure, options));
    return { address: { url: `http://${http}`, rpc, user }, processes, ready: () => operational(http, count) };
  },
};

async function dataNode(
  place: Place,
  index: number,
  rpc: string,
  secure: Security,
  options: HdfsOptions,
): Promise<ProcessPlan> {
  const name = `datanode${index}`;
  const at = async (port: string) => `127.0.0.1:${await place.port(`${name} ${port}`)}`;
  const command = await hadoopCommand(place, name, {
    java: secure.java,
    core: { "fs.defaultFS": rpc, ...secure.core },
    hdfs: {
      "dfs.datanode.data.dir": join(place.directory, name),
      "dfs.datanode.address": await at("data"),
      "dfs.datanode.http.address": await at("http"),
      "dfs.datanode.ipc.address": await at("ipc"),
      "dfs.datanode.hostname": "127.0.0.1",
      "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
      "dfs.heartbeat.interval": "1",
      ...secure.hdfs,
      ...options.properties,
    },
  });
  return {
    ...command,
    name,
    args: [...command.args, "org.apache.hadoop.hdfs.server.datanode.DataNode"],
    ready: /successfully registered with NN/,
  };
}

/** The name node is out of safe mode and all data nodes are alive. */
async function operational(http: string, dataNodes: number): Promise<boolean> {
  const answer = await fetch(`http://${http}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState`);
  // behind Kerberos: its data nodes have said by themselves that they are registered
  if (answer.status === 401) return true;
  const { beans } = (await answer.json()) as { beans: { FSState: string; NumLiveDataNodes: number }[] };
  return beans[0]?.FSState === "Operational" && beans[0].NumLiveDataNodes === dataNodes;
}

interface Security {
  /** Options of Java. */
  readonly java: readonly string[];
  readonly core: Readonly<Record<string, string>>;
  readonly hdfs: Readonly<Record<string, string>>;
}

const OPEN: Security = { java: [], core: {}, hdfs: {} };

/** https://hadoop.apache.org/docs/r3.4.2/hadoop-project-dist/hadoop-common/SecureMode.html */
function securityBy({ realm, config, serviceKeytab }: KdcAddress): Security {
  const [server, web] = [`hdfs/127.0.0.1@${realm}`, `HTTP/127.0.0.1@${realm}`];
  return {
    // Hadoop looks for the realm inside of Java's own classes
    java: [`-Djava.security.krb5.conf=${config}`, "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED"],
    core: {
      "hadoop.security.authentication": "kerberos",
      "hadoop.http.filter.initializers": "org.apache.hadoop.hdfs.web.AuthFilterInitializer",
      "hadoop.http.authentication.type": "kerberos",
      "hadoop.http.authentication.kerberos.principal": web,
      "hadoop.http.authentication.kerberos.keytab": serviceKeytab,
    },
    hdfs: {
      "dfs.namenode.kerberos.principal": server,
      "dfs.namenode.keytab.file": serviceKeytab,
      "dfs.namenode.kerberos.internal.spnego.principal": web,
      "dfs.datanode.kerberos.principal": server,
      "dfs.datanode.keytab.file": serviceKeytab,
      "dfs.block.access.token.enable": "true",
      // data nodes would want ports below 1024
      "ignore.secure.ports.for.testing": "true",
      // its users have no accounts here, from which it would take their groups
      "dfs.permissions.enabled": "false",
    },
  };
}

interface Sites {
  /** Options of Java. */
  readonly java?: readonly string[];
  readonly core: Readonly<Record<string, string>>;
  readonly hdfs?: Readonly<Record<string, string>>;
  readonly httpfs?: Readonly<Record<string, string>>;
}

/** Java with Hadoop's jars and a configuration folder of its own, for one of Hadoop's servers. */
export async function hadoopCommand(
  place: Place,
  name: string,
  sites: Sites,
): Promise<Pick<ProcessPlan, "program" | "args" | "directory" | "log">> {
  const folder = join(place.directory, `${name}.conf`);
  // the jars come without their web pages, and the servers do not start without the folders
  for (const page of ["hdfs", "datanode", "static"]) {
    mkdirSync(join(folder, "webapps", page), { recursive: true });
  }
  const { java: javaOptions = [], ...files } = sites;
  for (const [site, properties] of Object.entries(files))
    writeFileSync(join(folder, `${site}-site.xml`), xml(properties));
  writeFileSync(join(folder, "log4j.properties"), log4j);
  const opened = ["java.lang", "java.util", "java.nio"].map((part) => `--add-opens=java.base/${part}=ALL-UNNAMED`);
  return {
    program: await java("Hadoop"),
    args: ["-Xmx256m", ...opened, ...javaOptions, "-cp", [folder, join(await hadoopJars(), "*")].join(delimiter)],
    directory: place.directory,
    log: join(place.directory, `${name}.log`),
  };
}

const escaped = (text: string) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

const xml = (properties: Readonly<Record<string, string>>): string =>
  `<configuration>\n${Object.entries(properties)
    .map(([name, value]) => `  <property><name>${name}</name><value>${escaped(value)}</value></property>\n`)
    .join("")}</configuration>\n`;

const log4j = `log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
`;
