import assert from "node:assert/strict";
import type { NodeCounts } from "../../../nodes/lib/counters";
import { lineOf } from "../../../tools/start/counts";
import { nodeRedPackage } from "../../../tools/start/node-red";
import { readOptions } from "../../../tools/start/options";

describe("the options of npm start", () => {
  it("have defaults and are read", () => {
    assert.equal(readOptions([]).port, 1880);
    const options = readOptions(["--port", "1990", "--speed", "7200", "--with", "hdfs,connect"]);
    assert.deepEqual([options.port, options.speed, options.with], [1990, 7200, ["hdfs", "connect"]]);
  });

  it("are refused by name, with the usage", () => {
    assert.throws(() => readOptions(["--port", "none"]), /--port none: must be a number from 1 to 65535\nusage/u);
    assert.throws(() => readOptions(["--speed", "0"]), /--speed 0/u);
    assert.throws(() => readOptions(["--with", "spark"]), /--with spark: there are hdfs, influx, connect/u);
    assert.throws(() => readOptions(["--language", "de"]), /--language de: there are en, ko/u);
    assert.throws(() => readOptions(["--prot", "1"]), /--prot[^]*usage/u);
  });

  it("take the language of the system's locale, unless one is named", () => {
    const language = (env: NodeJS.ProcessEnv, ...args: string[]): string => readOptions(args, env).language;
    assert.equal(language({ LANG: "ko_KR.UTF-8" }), "ko");
    assert.equal(language({ LANG: "en_US.UTF-8", LC_ALL: "ko_KR.UTF-8" }), "ko");
    assert.equal(language({ LANG: "ko_KR.UTF-8", LC_MESSAGES: "en_US.UTF-8", LC_ALL: "" }), "en");
    assert.equal(language({ LANG: "kok_IN" }), "en");
    assert.equal(language({ LANG: "ko_KR.UTF-8" }, "--language", "en"), "en");
  });

  it("choose the Node-RED that fits Node.js", () => {
    assert.equal(nodeRedPackage("20.19.0"), "node-red");
    assert.equal(nodeRedPackage("22.8.0"), "node-red");
    assert.equal(nodeRedPackage("22.9.0"), "node-red-5");
    assert.equal(nodeRedPackage("24.21.0"), "node-red-5");
  });
});

describe("the live line of npm start", () => {
  const counts = (type: string, some: Partial<NodeCounts>): NodeCounts => ({
    id: type,
    type: `citystream-${type}`,
    name: "",
    received: 0,
    finished: 0,
    failed: 0,
    emitted: 0,
    acknowledged: 0,
    deadLettered: 0,
    ...some,
  });

  it("sums what the flow has, and nothing that it has not", () => {
    const before = { time: 0, nodes: [counts("kafka-in", { emitted: 100, acknowledged: 100 })] };
    const now = {
      time: 2000,
      nodes: [
        counts("kafka-in", { emitted: 3000, acknowledged: 2100, deadLettered: 1 }),
        counts("hdfs-sink", { finished: 1200 }),
        counts("hdfs-sink", { finished: 900 }),
      ],
    };
    assert.equal(
      lineOf(now, before),
      "from Kafka 3,000 · lake 2,100 · in flight 899 · dead letters 1 · 1,000 acknowledged/s",
    );
    assert.match(lineOf(before, undefined), /0 acknowledged\/s$/u);
  });
});
