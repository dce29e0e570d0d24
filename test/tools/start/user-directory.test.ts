import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT } from "../../../tools/editor/nodes";
import type { Language } from "../../../tools/start/options";
import { prepareUserDirectory } from "../../../tools/start/user-directory";
import type { FlowNode } from "../../../tools/start/without-kafka";

const CITY = path.join(ROOT, "flows/city.json");

describe("the user directory of npm start", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "citystream-user-directory-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const placed = (flow: string, language: Language): FlowNode[] => {
    prepareUserDirectory({ folder, flow, language, kafka: true, connect: true });
    return JSON.parse(readFileSync(path.join(folder, "flows.json"), "utf8")) as FlowNode[];
  };
  const nameOf = (flow: readonly FlowNode[], id: string): unknown => flow.find((node) => node.id === id)?.["name"];

  it("holds the demo in the reader's language, and changes it with the language", () => {
    assert.equal(nameOf(placed(CITY, "ko"), "city-readings"), "세 측정소");
    assert.equal(nameOf(placed(CITY, "en"), "city-readings"), "three stations");
  });

  for (const [language, page] of [
    ["en", "City air"],
    ["ko", "도시 대기질"],
  ] as const)
    it(`opens the dashboard on the one page there is, in the reader's language: ${language}`, () => {
      const pages = placed(CITY, language).filter(({ type }) => type === "ui-page");
      assert.deepEqual(
        pages.map((node) => node["name"]),
        [page],
      );
    });

  it("leaves the words of a user's own flow alone", () => {
    const own = path.join(folder, "own.json");
    writeFileSync(own, JSON.stringify([{ id: "mine", type: "comment", name: "readings" }]));
    assert.equal(nameOf(placed(own, "ko"), "mine"), "readings");
  });
});
