import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { packNodes, ROOT } from "../tools/editor/nodes";
import { until } from "./harness";
import { keepWords } from "./harness/words";
import { NODE_REDS } from "./harness/node-reds";

const run = promisify(execFile);
const PACK = "@citystream/node-red-citystream";

interface NodeSet {
  module: string;
  enabled: boolean;
  types: string[];
  err?: unknown;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What a folder of the import menu holds: names of folders, and files as `{ fn: name }`. */
type Listing = (string | { readonly fn: string })[];

interface Loaded {
  readonly sets: readonly NodeSet[];
  readonly english: Listing;
  readonly korean: Listing;
  /** A Korean example, as the menu fetches it. */
  readonly flow: { readonly type: string }[];
}

/** Starts Node-RED as a user does, asks it for the pack's nodes and examples, and stops it. */
async function loadedBy(node: string, nodeRed: string, userDir: string): Promise<Loaded> {
  const port = await freePort();
  const settings = path.join(userDir, "settings.js");
  writeFileSync(
    settings,
    `module.exports = { uiPort: ${port}, uiHost: "127.0.0.1", flowFile: "flows.json", telemetry: { enabled: false } };`,
  );
  const child = spawn(node, [path.join(ROOT, "node_modules", nodeRed, "red.js"), "-u", userDir, "-s", settings], {
    cwd: userDir,
    stdio: ["ignore", "pipe", "pipe"],
  });
  keepWords(nodeRed, child);
  const gone = new Promise((resolve) => child.once("exit", resolve));
  try {
    let sets: NodeSet[] = [];
    await until(
      `${nodeRed} answers`,
      async () => {
        const response = await fetch(`http://127.0.0.1:${port}/nodes`, {
          headers: { accept: "application/json" },
        }).catch(() => undefined);
        if (!response?.ok) return false;
        sets = (await response.json()) as NodeSet[];
        return true;
      },
      60_000,
    );
    const examples = async (where: string): Promise<unknown> => {
      const response = await fetch(`http://127.0.0.1:${port}/library/examples/flows/${PACK}/${encodeURI(where)}`);
      assert.equal(response.status, 200, where);
      return response.json();
    };
    return {
      sets: sets.filter((set) => set.module === PACK),
      english: (await examples("")) as Listing,
      korean: (await examples("한국어/")) as Listing,
      flow: (await examples("한국어/Kafka 입력")) as { type: string }[],
    };
  } finally {
    child.kill("SIGTERM");
    await gone;
  }
}

describe("the package, installed as the palette manager installs it", function installing() {
  this.timeout(300_000);
  let userDir: string;

  before(async () => {
    userDir = mkdtempSync(path.join(tmpdir(), "citystream-install-"));
    const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", userDir], {
      cwd: ROOT,
      maxBuffer: 10_000_000,
    });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    writeFileSync(path.join(userDir, "package.json"), JSON.stringify({ name: "user", private: true }));
    await run("npm", ["install", "--no-audit", "--no-fund", "--omit=dev", path.join(userDir, filename)], {
      cwd: userDir,
    });
  });
  after(() => rmSync(userDir, { recursive: true, force: true }));

  it("brings nothing that is compiled or fetched while it installs", () => {
    const lock = JSON.parse(readFileSync(path.join(userDir, "package-lock.json"), "utf8")) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    const withScripts = Object.entries(lock.packages).flatMap(([name, entry]) =>
      entry.hasInstallScript ? [name] : [],
    );
    assert.deepEqual(withScripts, []);
  });

  for (const { title, nodeRed, node } of NODE_REDS) {
    it(`loads every node into ${title}, and offers its examples in English and in Korean`, async function loads() {
      const binary = await node(this);
      const { sets, english, korean, flow } = await loadedBy(binary, nodeRed, userDir);
      const wrong = sets.filter((set) => set.err !== undefined || !set.enabled);
      assert.deepEqual(wrong, []);
      assert.deepEqual(
        sets.flatMap((set) => set.types).sort(),
        packNodes()
          .map(({ declaration }) => declaration.type)
          .sort(),
      );
      const files = (listing: Listing): string[] =>
        listing.flatMap((entry) => (typeof entry === "string" ? [] : [entry.fn]));
      assert.deepEqual(
        english.filter((entry) => typeof entry === "string"),
        ["한국어"],
      );
      assert.ok(files(english).includes("kafka-in"), JSON.stringify(english));
      assert.equal(files(korean).length, files(english).length);
      assert.ok(flow.some(({ type }) => type === "citystream-kafka-in"));
    });
  }
});
