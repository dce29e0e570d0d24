/** Holds what the driver relies on in kafkajs 2.2.4, and the faults it meets. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ConfigError, Rejected, Retriable } from "../../../nodes/lib/errors";
import { explain } from "../../../nodes/lib/kafka/errors";
import { makeLink } from "../../../nodes/lib/kafka/kafkajs-cluster";
import { clusterFor, type Cluster } from "./harness";

describe("the kafkajs driver", () => {
  let cluster: Cluster;

  before(async function services() {
    cluster = await clusterFor(this);
  });
  after(() => cluster?.close());

  it("is written against exactly this version", () => {
    const { version } = JSON.parse(readFileSync(require.resolve("kafkajs/package.json"), "utf8")) as {
      version: string;
    };
    assert.equal(version, "2.2.4");
  });

  it("sets no timer of a millisecond while idle", async () => {
    const link = makeLink({ brokers: [cluster.brokers], clientId: "test" });
    await link.cluster.connect();
    await link.cluster.refreshMetadata();
    const real = globalThis.setTimeout;
    let short = 0;
    globalThis.setTimeout = ((callback: () => void, delay?: number) => {
      if ((delay ?? 0) <= 1 && new Error().stack?.includes("kafkajs")) short++;
      return real(callback, delay);
    }) as typeof setTimeout;
    try {
      await new Promise((resolve) => real(resolve, 300));
    } finally {
      globalThis.setTimeout = real;
      await link.close();
    }
    assert.ok(short <= 2, `${short} short timers in 300 ms`);
  });

  it("tells apart what the user, time or nobody can mend", async () => {
    const context = { brokers: ["b:1"], tls: false, mechanism: "PLAIN", username: "ann" };
    const refused = explain(
      Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", broker: "b:1" }),
      context,
    );
    assert.ok(refused instanceof Retriable && refused.unreachable);
    const login = explain(Object.assign(new Error("no"), { name: "KafkaJSSASLAuthenticationError" }), context);
    assert.ok(login instanceof ConfigError);
    const permission = explain(Object.assign(new Error("no"), { type: "TOPIC_AUTHORIZATION_FAILED" }), context);
    assert.ok(permission instanceof ConfigError && /user "ann" may not use this topic/.test(permission.message));
    const own = new Rejected("too large");
    assert.equal(explain(own, context), own);
    const wrapped = Object.assign(new Error("retries"), { name: "KafkaJSNumberOfRetriesExceeded", cause: refused });
    assert.match(explain(wrapped, context).message, /Kafka/);
  });
});
