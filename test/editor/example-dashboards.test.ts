/** Examples with a dashboard, as a user sees them: the page shows what the flow sends there. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT } from "../../tools/editor/nodes";
import type { FlowNode } from "../harness";
import { startChild, type NodeRedChild } from "../harness/child";
import { needsBrowser, openPage, type EditorPage } from "./browser";

const SHOTS = process.env["CITYSTREAM_SHOTS"];
const FOLDER = path.join(ROOT, "examples");
const read = (file: string): FlowNode[] => JSON.parse(readFileSync(path.join(FOLDER, file), "utf8")) as FlowNode[];
const withDashboard = readdirSync(FOLDER).filter(
  (file) => file.endsWith(".json") && read(file).some(({ type }) => type === "ui-base"),
);

describe("the dashboards of examples", () => {
  let child: NodeRedChild | undefined;
  let shownPage: EditorPage | undefined;
  let userDir: string;
  before(function browser() {
    needsBrowser(this);
  });
  beforeEach(() => (userDir = mkdtempSync(path.join(tmpdir(), "citystream-dashboard-"))));
  afterEach(async () => {
    await shownPage?.close();
    await child?.kill9();
    [shownPage, child] = [undefined, undefined];
    rmSync(userDir, { recursive: true, force: true });
  });

  for (const file of withDashboard)
    it(`${file}: charts and texts of its page are filled, and no request leaves this host`, async function shown() {
      this.timeout(400_000);
      const flow = read(file);
      const flowFile = path.join(userDir, "flow.json");
      copyFileSync(path.join(FOLDER, file), flowFile);
      child = await startChild({ userDir, flowFile, env: { CITYSTREAM_READINGS: path.join(ROOT, "flows/data") } });
      const where = flow
        .filter(({ type }) => type === "ui-base" || type === "ui-page")
        .sort((a) => (a.type === "ui-base" ? -1 : 1));
      // This Node-RED serves nodes' pages below /api.
      const address = `${child.url}/api` + where.map((node) => String(node["path"])).join("");
      shownPage = await openPage(address, "en-US");
      const { page, problems } = shownPage;
      const charts = flow.filter(({ type }) => type === "ui-chart").length;
      const texts = flow.filter(({ type }) => type === "ui-text").length;
      await page.waitForFunction(`document.querySelectorAll(".nrdb-ui-chart canvas").length === ${charts}`, undefined, {
        timeout: 120_000,
      });
      const value = page.locator(".nrdb-ui-text-value").filter({ hasText: /\S/u });
      await value.first().waitFor({ timeout: 120_000 });
      assert.equal(await value.count(), texts);
      if (SHOTS) {
        mkdirSync(SHOTS, { recursive: true });
        await page.screenshot({ path: path.join(SHOTS, `dashboard-${path.basename(file, ".json")}.png`) });
      }
      assert.deepEqual(problems, []);
    });
});
