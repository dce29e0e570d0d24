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

/** Starts Node-RED as a user does, asks it for the pack's nodes, and stops it. */
async function nodeSetsOf(node: string, nodeRed: string, userDir: string): Promise<NodeSet[]> {
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
    return sets.filter((set) => set.module === "@citystream/node-red-citystream");
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
    it(`loads every node into ${title}`, async function loads() {
      const binary = await node(this);
      const sets = await nodeSetsOf(binary, nodeRed, userDir);
      const wrong = sets.filter((set) => set.err !== undefined || !set.enabled);
      assert.deepEqual(wrong, []);
      assert.deepEqual(
        sets.flatMap((set) => set.types).sort(),
        packNodes()
          .map(({ declaration }) => declaration.type)
          .sort(),
      );
    });
  }
});
