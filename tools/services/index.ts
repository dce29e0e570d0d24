/** Real services for tests, benches and `npm start`. Each is fetched once, runs on 127.0.0.1, and ends with its caller. */
import type { CommonOptions, Control, ServiceDefinition } from "./definition";
import { awsCredentials } from "./aws-credentials";
import { chromium } from "./chromium";
import { connect } from "./connect";
import { engines } from "./engines";
import { flink } from "./flink";
import { hdfs } from "./hdfs";
import { httpfs } from "./httpfs";
import { influx } from "./influx";
import { kafka } from "./kafka";
import { mariadb } from "./mariadb";
import { mlserver } from "./mlserver";
import { mosquitto } from "./mosquitto";
import { node24 } from "./node24";
import { platformatic } from "./platformatic";
import { readers } from "./readers";
import { registry } from "./registry";
import { s3 } from "./s3";
import { spark } from "./spark";
import { startService } from "./start";
import { tensorflow } from "./tensorflow";

export { awsCredentials, chromium, engines, node24, platformatic, readers };

export const services = {
  kafka,
  mosquitto,
  hdfs,
  httpfs,
  influx,
  connect,
  mariadb,
  s3,
  registry,
  mlserver,
  tensorflow,
};

/** What tests and `npm start` need beside services. */
export const programs = {
  node24: { about: "Node.js 24 beside the one that runs this, by npm", install: async () => void (await node24()) },
  platformatic: {
    about: "@platformatic/kafka, the optional Kafka client, by npm",
    install: async () => void (await platformatic()),
  },
  engines: {
    about: "@tensorflow/tfjs and onnxruntime-node, the optional engines of forecasts, by npm; 0.6 GB",
    install: async () => void (await engines()),
  },
  aws: {
    about: "@aws-sdk/credential-providers, which finds the keys of roles for S3, by npm; 16 MB",
    install: async () => void (await awsCredentials()),
  },
  readers: {
    about: "pyarrow, DuckDB and fastavro, which read lake files, by pip; needs Python 3.10",
    install: async () => void (await readers()),
  },
  chromium: {
    about: "Chromium with Korean fonts, for tests of the editor",
    install: async () => void (await chromium()),
  },
};

/** What single benches need, too big to be fetched for those who do not ask for it by name. */
export const extras = {
  flink: {
    about: "Apache Flink, the judge of windows, by pip; needs Java 17, Python 3.9 to 3.12, 0.8 GB; by name only",
    install: async () => void (await flink()),
  },
  spark: {
    about: "Apache Spark, which reads lake files, by pip and Maven; needs Java 17, Python 3.9, 0.5 GB; by name only",
    install: async () => void (await spark()),
  },
};

export type ServiceName = keyof typeof services;
type Parts<D> =
  D extends ServiceDefinition<infer Options, infer Address> ? [Options & object, Address & object] : never;
export type ServiceOptions<N extends ServiceName> = Parts<(typeof services)[N]>[0] & CommonOptions;
export type Service<N extends ServiceName> = Parts<(typeof services)[N]>[1] & Control;

/**
 * Installs (once per machine) and starts a real service, ready when this resolves. Callers in one process who ask with
 * the same options share one; `own: true` gives one to kill and restart. Throws `MissingProgram` when the machine lacks
 * what it needs.
 */
export function service<N extends ServiceName>(name: N, options?: ServiceOptions<N>): Promise<Service<N>>;
export function service(name: ServiceName, options: CommonOptions = {}): Promise<object> {
  return startService(services[name] as ServiceDefinition<object, object>, options);
}
