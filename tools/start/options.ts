/** What `npm start -- …` takes. */
import path from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../editor/nodes";

export const extras = ["hdfs", "influx", "connect"] as const;
export type Extra = (typeof extras)[number];

export interface StartOptions {
  /** Port of the editor and the dashboard. */
  readonly port: number;
  /** Port of the MQTT broker inside Node-RED. */
  readonly mqttPort: number;
  /** How many seconds of readings are replayed in one. */
  readonly speed: number;
  /** Real services to run beside Kafka. */
  readonly with: readonly Extra[];
  /** Folder for everything that is kept: flows, Kafka's data, the lake. */
  readonly data: string;
  /** File of the flow. */
  readonly flow: string;
}

export const usage = `usage: npm start -- [options]
  --port 1880            port of the editor and the dashboard
  --mqtt-port 18830      port of the MQTT broker inside Node-RED
  --speed 3600           seconds of readings replayed in one second
  --with hdfs,influx,connect   fetch and run these real services too
  --data .citystream     folder for all that is kept: flows, Kafka's data, the lake
  --flow flows/city.json another flow
Servers of your own by environment: KAFKA_BROKERS, WEBHDFS_URL (HDFS_USER), INFLUX_URL (1.x, INFLUX_DATABASE), CONNECT_URL.
CITYSTREAM_KAFKA=none runs without Kafka.`;

/** @throws Error saying which option is wrong, followed by the usage */
export function readOptions(args: readonly string[]): StartOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      options: {
        port: { type: "string", default: "1880" },
        "mqtt-port": { type: "string", default: "18830" },
        speed: { type: "string", default: "3600" },
        with: { type: "string", default: "" },
        data: { type: "string", default: ".citystream" },
        flow: { type: "string", default: "flows/city.json" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) throw new Error("");
    return {
      port: between("--port", values.port, 1, 65_535),
      mqttPort: between("--mqtt-port", values["mqtt-port"], 1, 65_535),
      speed: between("--speed", values.speed, 0.001, 1e9),
      with: values.with.split(",").filter(Boolean).map(extra),
      data: path.resolve(ROOT, values.data),
      flow: path.resolve(ROOT, values.flow),
    };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${usage}`.trimStart(), { cause: error });
  }
}

function between(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= least && value <= most) return value;
  throw new Error(`${option} ${text}: must be a number from ${least} to ${most}`);
}

function extra(name: string): Extra {
  const found = extras.find((one) => one === name);
  if (found) return found;
  throw new Error(`--with ${name}: there are ${extras.join(", ")}`);
}
