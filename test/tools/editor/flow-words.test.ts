import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Script } from "node:vm";
import { flowWords, inKorean, KOREAN_EXAMPLES, koreanExamples } from "../../../tools/editor/flow-words";
import { ROOT } from "../../../tools/editor/nodes";
import { type FlowNode, withoutKafka } from "../../../tools/start/without-kafka";

const isKorean = (text: unknown): boolean => /[가-힣]/u.test(String(text));
const read = (file: string): FlowNode[] => JSON.parse(readFileSync(path.join(ROOT, file), "utf8")) as FlowNode[];
const words = flowWords();
const FLOWS = [
  "flows/city.json",
  ...readdirSync(path.join(ROOT, "examples"))
    .filter((name) => name.endsWith(".json"))
    .map((name) => `examples/${name}`),
];

/** What a node does, without the words by which it is shown. */
const deeds = ({ name: _name, label: _label, info: _info, func: _func, lanes, ...node }: FlowNode): object => ({
  ...node,
  lanes: (lanes as { from: number }[] | undefined)?.map(({ from }) => from),
});

describe("the words of flows", () => {
  it("are complete in Korean, and nothing is translated that no flow says", () => {
    assert.deepEqual(koreanExamples(words).problems, []);
  });

  for (const file of FLOWS)
    it(`are all that differs in the Korean ${file}`, () => {
      const flow = read(file);
      const korean = inKorean(flow, words).flow;
      assert.deepEqual(korean.map(deeds), flow.map(deeds));
      const shown = korean.filter(({ type }) => type === "tab" || type === "comment" || type === "ui-page");
      assert.deepEqual(
        shown.filter((node) => !isKorean(node["label"] ?? node["name"])).map(({ id }) => id),
        [],
      );
      for (const { id, func } of korean)
        if (typeof func === "string")
          assert.doesNotThrow(
            () =>
              new Script(`(function() {${func}
})`),
            id,
          );
    });

  it("are found in the code of functions: its comments, and what it shows", () => {
    const flow = [
      {
        id: "f",
        type: "function",
        name: "",
        func: "// the sum\nconst url = 'http://a'; // a place\nreturn { \"in\": 1 };",
      },
    ];
    const table = { texts: { "the sum": "합", "a place": "장소" }, code: { f: { '"in":': '"입력":' } } };
    const { flow: korean, missing } = inKorean(flow, table);
    assert.equal(korean[0]?.["func"], "// 합\nconst url = 'http://a'; // 장소\nreturn { \"입력\": 1 };");
    assert.deepEqual([...missing], []);
  });

  it("stay as they are where the table lacks them, and are named", () => {
    const flow = [{ id: "f", type: "function", name: "sums", func: "return msg;" }];
    const { flow: korean, missing } = inKorean(flow, { texts: {}, code: { f: { '"in":': '"입력":' } } });
    assert.deepEqual(korean, flow);
    assert.deepEqual([...missing], ["sums", '"in": in the code of f']);
  });

  it("name what is wrong with the table: a text without Korean, an entry without use, one name for two examples", () => {
    const { "kafka in": _gone, ...rest } = words.texts;
    const texts = { ...rest, "kafka out": "Kafka", "mqtt out": "Kafka", "never said": "말하지 않음" };
    assert.deepEqual(koreanExamples({ ...words, texts }).problems.sort(), [
      'flows/ko.json: kafka-in.json has no Korean for "kafka in"',
      'flows/ko.json: no flow says "never said"',
      'flows/ko.json: two examples are called "Kafka"',
    ]);
  });

  it("are Korean too where links stand in Kafka's place", () => {
    const { flow } = inKorean(withoutKafka(read("flows/city.json")), words);
    const code = flow.find(({ id }) => id === "city-fast")?.["func"];
    assert.ok(isKorean(String(code).split("\n")[0]), String(code));
  });

  it("make the Korean examples, each by the Korean name of its tab", () => {
    const names = koreanExamples(words).examples.map(({ name }) => `${name}.json`);
    assert.ok(existsSync(KOREAN_EXAMPLES), "npm run build has not made them");
    assert.deepEqual(readdirSync(KOREAN_EXAMPLES).sort(), names.sort());
    assert.ok(names.includes("Kafka 입력.json"));
  });
});
