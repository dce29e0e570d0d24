/** What keeps a source from working shows on the source: a server below it that is away, dead letters that can't be written. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, nodeRed, type FlowNode, type Harness } from "../harness";

describe("a source in trouble", () => {
  let red: Harness;
  let folder: string;
  before(async () => {
    red = await nodeRed();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-trouble-"));
    writeFileSync(path.join(folder, "in.csv"), `n\n${Array.from({ length: 30 }, (_, n) => n).join("\n")}\n`);
  });
  afterEach(async () => {
    await red.deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });
  const source = (more: Record<string, unknown>): FlowNode => ({
    id: "in",
    type: "citystream-file-in",
    paths: path.join(folder, "in.csv"),
    positionFile: path.join(folder, "position.json"),
    deadLetterFolder: path.join(folder, "letters"),
    initialDelay: 10,
    maxDelay: 50,
    wires: [["below"]],
    ...more,
  });
  const shown = (): string => `${red.status("in")?.fill} ${red.status("in")?.text}`;

  it("names the node whose server is away and when it is tried next, and goes on by itself", async function away() {
    this.timeout(240_000);
    const server = http.createServer((_request, response) => response.end("stored"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    try {
      await red.deploy(
        flowOf(
          source({ breakerFailures: 3, breakerPause: 0.5 }),
          {
            id: "below",
            type: "http request",
            name: "store",
            method: "GET",
            ret: "txt",
            paytoqs: "ignore",
            senderr: true,
            url: `http://127.0.0.1:${port}/`,
            wires: [["stored"]],
          },
          { id: "stored", type: "test-collect" },
        ),
      );
      await red.until(
        `the status says so, not "${shown()}"`,
        () => /^red .*store, \d\d:\d\d:\d\d$/u.test(shown()),
        60_000,
      );
      assert.equal(red.collected("stored").length, 0);
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      await red.arrived("stored", 30, 120_000);
      await red.until("the status is its own again", () => !shown().startsWith("red"), 60_000);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("is red while dead letters can't be written, acknowledges nothing, and goes on when they can", async function stuck() {
    this.timeout(240_000);
    const letters = path.join(folder, "letters");
    writeFileSync(letters, "a file where the folder should be");
    await red.deploy(
      flowOf(source({ attempts: 1 }), { id: "below", type: "function", func: "throw new Error('no');", wires: [[]] }),
    );
    await red.until(
      "the source is red for its dead letters",
      () => red.status("in")?.fill === "red" && /deadLetters|dead letters stuck/u.test(red.status("in")?.text ?? ""),
      60_000,
    );
    rmSync(letters);
    await red.until(
      "each is in dead letters",
      () => {
        const lines = readdirSync(folder).includes("letters")
          ? readdirSync(letters).flatMap((name) => readFileSync(path.join(letters, name), "utf8").split("\n"))
          : [];
        return lines.filter((line) => line !== "").length === 30;
      },
      120_000,
    );
    await red.until("the status is its own again", () => !shown().startsWith("red"), 60_000);
  });
});
