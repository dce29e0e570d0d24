/** The servers around Node-RED: the user's own, real ones run here, or what stands in their place. */
import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { service, services } from "../services";
import { MissingProgram } from "../services/programs";
import type { Extra, StartOptions } from "./options";

export interface Surroundings {
  /** Environment of Node-RED, by which the flow's settings find the servers. */
  readonly env: Readonly<Record<string, string>>;
  /** A line about each server, for people. */
  readonly about: readonly string[];
  /** Kafka is there; else link nodes stand in its place. */
  readonly kafka: boolean;
  readonly connect: boolean;
  /** Stops what was started here, last first. */
  stop(): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Finds or starts the servers. Whatever was started is stopped again when one cannot be. */
export async function surround(options: StartOptions, environment: Environment): Promise<Surroundings> {
  const running: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    for (const one of running.splice(0).toReversed()) await one.stop();
  };
  const keep = <S extends { stop(): Promise<void> }>(one: S): S => {
    running.push(one);
    return one;
  };
  try {
    const kafka = await findKafka(options, environment, keep);
    const lake = await findLake(options, environment, keep);
    const influx = await findInflux(options, environment, keep);
    const connect = await findConnect(options, environment, keep, kafka);
    const parts = [kafka, lake, influx, connect];
    return {
      env: Object.assign({}, ...parts.map(({ env }) => env)) as Record<string, string>,
      about: parts.map(({ about }) => about),
      kafka: kafka.there,
      connect: connect.there,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Part {
  /** A server, not what stands in its place. */
  readonly there: boolean;
  readonly env: Record<string, string>;
  readonly about: string;
}
type Keep = <S extends { stop(): Promise<void> }>(one: S) => S;

const wants = (options: StartOptions, extra: Extra): boolean => options.with.includes(extra);

async function findKafka({ data }: StartOptions, environment: Environment, keep: Keep): Promise<Part> {
  const none = (why: string): Part => ({
    there: false,
    // nobody opens this address, but the flow's configuration nodes want one
    env: { CITYSTREAM_KAFKA: "none", KAFKA_BROKERS: "127.0.0.1:9092" },
    about: `Kafka          none: link nodes stand in its place. ${why}`,
  });
  const given = environment["KAFKA_BROKERS"];
  if (given)
    return {
      there: true,
      env: { CITYSTREAM_KAFKA: "given", KAFKA_BROKERS: given },
      about: `Kafka          ${given}, yours`,
    };
  if (environment["CITYSTREAM_KAFKA"] === "none") return none("CITYSTREAM_KAFKA=none asks for that.");
  const directory = path.join(data, "kafka");
  try {
    await services.kafka.install();
  } catch (error) {
    // what Kafka holds already would be missing in a run without it
    if (!(error instanceof MissingProgram) || existsSync(directory)) throw error;
    return none(error.message);
  }
  const { brokers } = keep(await service("kafka", { directory }));
  return {
    there: true,
    env: { CITYSTREAM_KAFKA: "local", KAFKA_BROKERS: brokers },
    about: `Kafka          ${brokers}, data in ${directory}`,
  };
}

async function findLake(options: StartOptions, environment: Environment, keep: Keep): Promise<Part> {
  const given = environment["WEBHDFS_URL"];
  const lake = (url: string, user: string, about: string): Part => ({
    there: true,
    env: { LAKE_URL: url, LAKE_USER: user },
    about: `Lake           ${about}`,
  });
  if (given) {
    const url = new URL(given);
    if (url.pathname === "/") url.pathname = "/citystream";
    return lake(url.href, environment["HDFS_USER"] ?? "", `${url.href}, yours`);
  }
  if (wants(options, "hdfs")) {
    const { url, user } = keep(await service("hdfs", { directory: path.join(options.data, "hdfs") }));
    return lake(`${url}/citystream`, user, `${url}/citystream (HDFS, user ${user})`);
  }
  const folder = path.join(options.data, "lake");
  return lake(pathToFileURL(folder).href, "", folder);
}

async function findInflux(options: StartOptions, environment: Environment, keep: Keep): Promise<Part> {
  const influx = (kind: "1" | "files", url: string, about: string): Part => ({
    there: kind !== "files",
    env: {
      INFLUX_KIND: kind,
      INFLUX_URL: url,
      INFLUX_DATABASE: environment["INFLUX_DATABASE"] ?? "city",
    },
    about: `Time series    ${about}`,
  });
  const given = environment["INFLUX_URL"];
  // a token belongs into Node-RED's credentials: versions 2 and 3 are chosen in the editor
  if (given) return influx("1", given, `${given}, yours`);
  if (wants(options, "influx")) {
    const { url } = keep(
      await service("influx", { databases: ["city"], directory: path.join(options.data, "influxdb") }),
    );
    return influx("1", url, `${url} (InfluxDB 1.8)`);
  }
  const folder = path.join(options.data, "points");
  return influx("files", pathToFileURL(folder).href, `line-protocol files in ${folder}, for \`influx write\``);
}

async function findConnect(options: StartOptions, environment: Environment, keep: Keep, kafka: Part): Promise<Part> {
  const connect = (url: string, about: string, there = true): Part => ({
    there,
    env: { CONNECT_URL: url },
    about: `Kafka Connect  ${about}`,
  });
  const given = environment["CONNECT_URL"];
  if (given) return connect(given, `${given}, yours`);
  if (!wants(options, "connect")) {
    return connect("http://127.0.0.1:8083", "none: its nodes are disabled; --with connect runs one", false);
  }
  const brokers = kafka.env["KAFKA_BROKERS"];
  if (!kafka.there || !brokers) throw new Error(`--with connect needs Kafka. ${kafka.about.trim()}`);
  const { url } = keep(await service("connect", { brokers, directory: path.join(options.data, "connect") }));
  return connect(url, url);
}
