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
  /** Language of the flow's names, comments and dashboard; the editor's own follows the browser. */
  readonly language: Language;
}

export const languages = ["en", "ko"] as const;
export type Language = (typeof languages)[number];

export const usage = `usage: npm start -- [options]
  --port 1880            port of the editor and the dashboard
  --mqtt-port 18830      port of the MQTT broker inside Node-RED
  --speed 3600           seconds of readings replayed in one second
  --with hdfs,influx,connect   fetch and run these real services too
  --data .citystream     folder for all that is kept: flows, Kafka's data, the lake
  --flow flows/city.json another flow
  --language ko          names, comments and dashboard in Korean (en: English); by default as the system's locale
Servers of your own by environment: KAFKA_BROKERS, WEBHDFS_URL (HDFS_USER), INFLUX_URL (1.x, INFLUX_DATABASE), CONNECT_URL.
CITYSTREAM_KAFKA=none runs without Kafka.`;

/** What the system is set to, as POSIX orders its variables; elsewhere as the system tells Node.js. */
const systemLanguage = (environment: NodeJS.ProcessEnv): Language =>
  /^ko(?![a-z])/iu.test(
    environment["LC_ALL"] ||
      environment["LC_MESSAGES"] ||
      environment["LANG"] ||
      Intl.DateTimeFormat().resolvedOptions().locale,
  )
    ? "ko"
    : "en";

/** @throws Error saying which option is wrong, followed by the usage */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv = process.env): StartOptions {
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
        language: { type: "string", default: systemLanguage(environment) },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) throw new Error("");
    return {
      port: between("--port", values.port, 1, 65_535),
      mqttPort: between("--mqtt-port", values["mqtt-port"], 1, 65_535),
      speed: between("--speed", values.speed, 0.001, 1e9),
      with: values.with
        .split(",")
        .filter(Boolean)
        .map((name) => oneOf("--with", name, extras)),
      data: path.resolve(ROOT, values.data),
      flow: path.resolve(ROOT, values.flow),
      language: oneOf("--language", values.language, languages),
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

function oneOf<T extends string>(option: string, name: string, all: readonly T[]): T {
  const found = all.find((one) => one === name);
  if (found) return found;
  throw new Error(`${option} ${name}: there are ${all.join(", ")}`);
}
