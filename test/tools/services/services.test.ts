import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { connect } from "mqtt";
import { serviceFor } from "../../../tools/services/for-test";
import { need, run } from "../../../tools/services/programs";
import { until } from "../../harness";

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** A process of its own that runs Mosquitto; what it printed about it. */
async function ownerOfMosquitto(): Promise<{ owner: ChildProcess; pid: number; directory: string }> {
  const index = path.resolve(__dirname, "../../../tools/services/index.js");
  const program = `require(${JSON.stringify(index)}).service("mosquitto").then((service) => {
    const { pid } = service.processes.get("mosquitto");
    console.log(JSON.stringify({ pid, directory: service.directory }));
    setInterval(() => {}, 1000);
  })`;
  const owner = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(createInterface({ input: owner.stdout }), "line")) as [string];
  return { owner, ...(JSON.parse(line) as { pid: number; directory: string }) };
}

describe("a service", () => {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    it(`ends with the process that started it, and its folder too: ${signal}`, async function () {
      await serviceFor(this, "mosquitto");
      const { owner, pid, directory } = await ownerOfMosquitto();
      assert.ok(alive(pid));
      owner.kill(signal);
      await until("Mosquitto is gone", () => !alive(pid));
      await until("its folder is gone", () => !existsSync(directory));
    });
  }

  it("is shared by callers with the same options, and nobody else's when it is one's own", async function () {
    const [first, second, own, other] = await Promise.all([
      serviceFor(this, "mosquitto"),
      serviceFor(this, "mosquitto"),
      serviceFor(this, "mosquitto", { own: true }),
      serviceFor(this, "mosquitto", { maxInflight: 1 }),
    ]);
    assert.equal(first.port, second.port);
    assert.equal(new Set([first.port, own.port, other.port]).size, 3);
    await Promise.all([own.stop(), other.stop()]);
  });

  it("comes back on its port with its data after an end and after kill -9", async function () {
    const mosquitto = await serviceFor(this, "mosquitto", { own: true, config: ["autosave_interval 1"] });
    const retained = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const client = connect(mosquitto.url, { connectTimeout: 5000 });
        client.once("error", (error) => client.end(true, () => reject(error)));
        client.once("message", (_topic, payload) => client.end(() => resolve(payload.toString())));
        client.subscribe("kept");
      });
    const client = connect(mosquitto.url);
    await client.publishAsync("kept", "for ever", { retain: true, qos: 1 });
    await client.endAsync();
    await mosquitto.restart();
    assert.equal(await retained(), "for ever");
    await mosquitto.kill9();
    await assert.rejects(retained(), /ECONNREFUSED/u);
    await mosquitto.start();
    assert.equal(await retained(), "for ever");
    await mosquitto.stop();
  });

  it("says what its log says when it cannot start", async function () {
    await serviceFor(this, "mosquitto");
    await assert.rejects(serviceFor(this, "mosquitto", { config: ["no_such_option 1"] }), /no_such_option/u);
  });
});

describe("mariadb", () => {
  it("keeps what was written over kill -9, in a row-based binary log", async function () {
    const mariadb = await serviceFor(this, "mariadb", { own: true });
    const { host, port, user, password, database } = mariadb;
    const login = ["--no-defaults", "-h", host, "-P", String(port), "-u", user, `-p${password}`, "-N", database];
    const ask = (sql: string): Promise<string> => run(need("mariadb", "this test"), [...login, "-e", sql]);
    await ask("create table kept (i int); insert into kept values (7)");
    await mariadb.kill9();
    await mariadb.start();
    assert.equal((await ask("select i, @@binlog_format, @@log_bin from kept")).trim(), "7\tROW\t1");
    await mariadb.stop();
  });
});
