/** The second driver: when it is refused, and that it passes the tests of the first on a Node.js that it runs on. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ConfigError } from "../../../nodes/lib/errors";
import { isTooOld } from "../../../nodes/lib/kafka/platformatic-errors";
import { findPackage } from "../../../nodes/lib/kafka/platformatic-package";
import { secondDriverFor, testWith } from "./second-driver";

const NODE = "v22.22.0";

describe("the second driver's package", () => {
  let folder: string;
  /** A user directory in which some version of the package is installed. */
  const userDir = (version: string): string => {
    const made = path.join(folder, version);
    const installed = path.join(made, "node_modules/@platformatic/kafka");
    mkdirSync(installed, { recursive: true });
    writeFileSync(
      path.join(installed, "package.json"),
      JSON.stringify({ name: "@platformatic/kafka", version, type: "module", exports: "./index.js" }),
    );
    writeFileSync(path.join(installed, "index.js"), "");
    return made;
  };
  const refusal = (where: string, node = NODE): string => {
    try {
      findPackage(where, node);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.message;
    }
    return "";
  };

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-driver-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is found in the user directory", () => {
    const where = userDir("2.13.0");
    assert.equal(findPackage(where, NODE), path.join(where, "node_modules/@platformatic/kafka/index.js"));
  });

  it("is refused on a Node.js that it does not run on, and the version that it needs is named", () => {
    const where = userDir("2.12.1");
    for (const old of ["v20.19.5", "v22.21.1"])
      assert.equal(
        refusal(where, old),
        `Client: @platformatic/kafka needs Node.js 22.22 or newer (this is ${old}); choose kafkajs`,
      );
    assert.equal(refusal(where, "v24.0.0"), "");
  });

  it("is asked for by the command that installs it when it is missing", () => {
    assert.equal(
      refusal(folder),
      `Client: @platformatic/kafka is not installed; run "npm install @platformatic/kafka@2" in ${folder} and restart Node-RED, or choose kafkajs`,
    );
  });

  it("is refused in a version that loses records, that is too old or that nobody has tried", () => {
    for (const version of ["1.31.0", "0.9.2"])
      assert.match(
        refusal(userDir(version)),
        new RegExp(
          `@platformatic/kafka ${version} is installed, of a line that loses records it has acknowledged; run`,
        ),
      );
    for (const version of ["2.0.0", "2.12.0", "3.0.0"])
      assert.match(
        refusal(userDir(version)),
        new RegExp(
          `${version} is installed and not known to lose nothing; run "npm install .*@2" in .* for 2\\.12\\.1 or`,
        ),
      );
  });
});

describe("the second driver's broker", () => {
  it("is Kafka 2.5 or newer: older ones are told from it by the requests that they know", () => {
    const offsetFetch = (maxVersion: number) => [
      { apiKey: 1, maxVersion: 11 },
      { apiKey: 9, maxVersion },
    ];
    assert.equal(isTooOld(offsetFetch(6)), true);
    assert.equal(isTooOld(offsetFetch(7)), false);
    assert.equal(isTooOld(offsetFetch(10)), false);
    assert.equal(isTooOld([]), true);
  });
});

describe("the second driver", () => {
  if (process.env["CITYSTREAM_KAFKA_CLIENT"] === "platformatic") return;

  it("passes the tests of the first", async function passes() {
    const driver = await secondDriverFor(this);
    this.timeout(600_000);
    const printed = await testWith(driver, [
      "lib/kafka/driver",
      "lib/kafka/membership",
      "lib/kafka/transaction",
      "control/dead-letter-topic-anew",
      "config/kafka-cluster",
      "sink/kafka-out",
      "source/kafka-in",
      "source/kafka-in-leaderless",
      "source/kafka-in-tenure",
    ]);
    assert.match(printed, /the platformatic driver/u);
    assert.match(printed, /[1-9]\d+ passing/u);
    assert.doesNotMatch(printed, /^\s*\d+ (?:failing|pending)/mu);
  });
});
