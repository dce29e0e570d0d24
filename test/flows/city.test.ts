import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT } from "../../tools/editor/nodes";
import { serviceFor } from "../../tools/services/for-test";
import { until } from "../harness";
import { startChild, type NodeRedChild } from "../harness/child";
import { NODE_REDS } from "../harness/node-reds";
import type { FlowNode } from "../harness/runtime";
import { influxRows, kafkaRecords, lakeFiles } from "./observers";
import { cutReadings, referenceForecast, type Reading } from "./readings";

/** Of each station; 24 of them make the first window. */
const HOURS = 100;
const SITES = ["Aotizhongxin", "Dongsi", "Wanshouxigong"];

const keyOf = ({ site, time }: { site?: unknown; time?: unknown }): string => `${String(site)} ${String(time)}`;

for (const { title, version, node } of NODE_REDS) {
  describe(`the main flow on ${title}`, function mainFlow() {
    this.timeout(600_000);
    const folder = mkdtempSync(path.join(tmpdir(), "citystream-city-"));
    const lakePath = `/city-${version}`;
    const database = `city${version}`;
    let readings: Reading[];
    let red: NodeRedChild | undefined;
    let kafka: { brokers: string };
    let hdfs: { url: string; user: string };
    let influx: { url: string };
    let connect: { url: string };

    before(async function start() {
      const binary = await node(this);
      const ownKafka = await serviceFor(this, "kafka", { own: true });
      const mosquitto = await serviceFor(this, "mosquitto", { maxInflight: 200 });
      kafka = ownKafka;
      hdfs = await serviceFor(this, "hdfs");
      influx = await serviceFor(this, "influx");
      connect = await serviceFor(this, "connect", { brokers: ownKafka.brokers, own: true });
      await fetch(`${influx.url}/query?q=${encodeURIComponent(`CREATE DATABASE ${database}`)}`, { method: "POST" });
      readings = cutReadings(path.join(folder, "readings"), HOURS);
      mkdirSync(path.join(folder, "node-red"));
      const flow = (JSON.parse(readFileSync(path.join(ROOT, "flows/city.json"), "utf8")) as FlowNode[]).map((entry) =>
        entry.type === "citystream-mqtt-broker"
          ? { ...entry, server: "address", address: mosquitto.url, clientId: `city-${version}` }
          : entry,
      );
      const flowFile = path.join(folder, "flow.json");
      writeFileSync(flowFile, JSON.stringify(flow));
      red = await startChild({
        userDir: path.join(folder, "node-red"),
        flowFile,
        node: binary,
        env: {
          CITYSTREAM_NODE_RED: version,
          CITYSTREAM_READINGS: path.join(folder, "readings"),
          CITYSTREAM_SPEED: "18000",
          CITYSTREAM_DATA: folder,
          CITYSTREAM_MQTT_PORT: "1",
          KAFKA_BROKERS: kafka.brokers,
          LAKE_URL: `${hdfs.url}${lakePath}`,
          LAKE_USER: hdfs.user,
          INFLUX_KIND: "1",
          INFLUX_URL: influx.url,
          INFLUX_DATABASE: database,
          CONNECT_URL: connect.url,
        },
      });
    });
    after(async () => {
      await red?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it("brings every reading into the lake once, exactly as sent, each sensor in its directory", async () => {
      let stored: Record<string, unknown>[] = [];
      const read = async (): Promise<void> => {
        const files = await lakeFiles(hdfs.url, hdfs.user, lakePath);
        stored = files.flatMap(({ path: file, text }) =>
          text.trim().split("\n").map((line) => ({ ...(JSON.parse(line) as object), file })),
        );
      };
      await until(
        "all readings are in the lake",
        async () => {
          await read();
          return new Set(stored.map(keyOf)).size >= readings.length;
        },
        180_000,
        () => ({ wanted: readings.length, stored: stored.length, distinct: new Set(stored.map(keyOf)).size }),
      );
      assert.equal(stored.length, readings.length, "readings stored twice");
      const byKey = new Map(stored.map((record) => [keyOf(record), record]));
      for (const reading of readings) {
        const { file, status, ...record } = byKey.get(keyOf(reading)) ?? {};
        const missing = Object.values(reading).includes(null);
        assert.deepEqual(record, reading);
        assert.equal(status, missing ? 1 : undefined);
        assert.ok(String(file).startsWith(`${lakePath}/${reading.site}_${reading.index}_air/`), String(file));
      }
    });

    it("brings every reading into InfluxDB exactly as sent", async () => {
      for (const site of SITES) {
        const wanted = readings.filter((reading) => reading.site === site);
        let rows: Record<string, unknown>[] = [];
        await until(
          `all readings of ${site} are in InfluxDB`,
          async () => {
            rows = await influxRows(influx.url, database, `SELECT * FROM air WHERE site = '${site}'`);
            return rows.length >= wanted.length;
          },
          120_000,
          () => ({ wanted: wanted.length, rows: rows.length }),
        );
        assert.equal(rows.length, wanted.length);
        wanted.forEach((reading, at) => {
          const row = rows[at] ?? {};
          assert.equal(row["time"], Date.parse(reading.time));
          for (const [name, value] of Object.entries(reading)) {
            if (name === "site" || name === "time") continue;
            assert.equal(row[name] ?? null, value, `${name} of ${keyOf(reading)}`);
          }
        });
      }
    });

    it("forecasts each full window as the reference computation does", async () => {
      const wanted = new Map<string, Record<string, number>>();
      for (const site of SITES) {
        const hours = readings.filter((reading) => reading.site === site);
        // the watermark stays three hours behind the last reading: later windows stay open
        for (let end = 24; end <= HOURS - 4; end++) {
          const window = hours.slice(end - 24, end);
          const forecast = referenceForecast(window);
          if (forecast) wanted.set(`${site} ${String(window.at(-1)?.time)}`, forecast);
        }
      }
      let records: { value: unknown }[] = [];
      const missing = (): string[] => {
        const made = new Set(records.map(({ value }) => keyOf(value as Reading)));
        return [...wanted.keys()].filter((key) => !made.has(key));
      };
      await until(
        "all forecasts are in Kafka",
        async () => {
          records = await kafkaRecords(kafka.brokers, /_forecast$/u);
          return missing().length === 0;
        },
        120_000,
      ).catch((error: Error) => {
        throw new Error(`${error.message}; of ${wanted.size} lack ${missing().slice(0, 5).join(", ")}`);
      });
      const made = new Map(records.map(({ value }) => [keyOf(value as Reading), value as Record<string, number>]));
      assert.deepEqual([...made.keys()].sort(), [...wanted.keys()].sort());
      for (const [key, forecast] of wanted) {
        for (const [name, value] of Object.entries(forecast)) {
          const got = made.get(key)?.[name] ?? Number.NaN;
          assert.ok(Math.abs(got - value) <= 1e-3 * Math.max(1, Math.abs(value)), `${name} of ${key}: ${got}, not ${value}`);
        }
      }
    });

    it("registers a connector that writes the alerts to a file", async () => {
      const alerts = (await kafkaRecords(kafka.brokers, /^city_alerts$/u)).length;
      assert.ok(alerts > 0, "no reading leapt by half");
      const response = await fetch(`${red?.url}/inject/city-register`, { method: "POST" });
      assert.equal(response.status, 200);
      const file = path.join(folder, "alerts.txt");
      await until(
        "the connector has written every alert",
        () => existsSync(file) && readFileSync(file, "utf8").trim().split("\n").length >= alerts,
        120_000,
      );
      const state = (await (await fetch(`${connect.url}/connectors/city-alerts-file/status`)).json()) as {
        connector: { state: string };
      };
      assert.equal(state.connector.state, "RUNNING");
    });
  });
}
