import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { explain } from "../../../nodes/lib/kafka/errors";
import { BESIDE } from "../../../nodes/lib/status";
import { english, korean } from "../../../tools/editor/catalogue";
import { packNodes, ROOT } from "../../../tools/editor/nodes";
import { checkWords, PLUGIN, statusWords, wordsPage } from "../../../tools/editor/words-page";
import { editorIn, REASONS } from "./plugin";

describe("statuses in the reader's language", () => {
  for (const { set, declaration, ...node } of packNodes()) {
    it(`every status of ${set}, from either language into either, with and without a detail`, () => {
      const both = {
        "en-US": english({ set, declaration, ...node })["status"] as Record<string, string>,
        ko: korean({ set, declaration, ...node }).words["status"] as Record<string, string>,
      };
      for (const reader of ["en-US", "ko"] as const) {
        const editor = editorIn(reader);
        for (const server of ["en-US", "ko"] as const)
          for (const [key, word] of Object.entries(both[server])) {
            const wanted = both[reader][key];
            assert.equal(editor.arrives(declaration.type, word), wanted);
            assert.equal(editor.arrives(declaration.type, `${word} 3 / 103`), `${wanted} 3 / 103`);
            const failed = `${BESIDE}${both[server]["failed"]}`;
            assert.equal(
              editor.arrives(declaration.type, `${word} 3${failed}`),
              `${wanted} 3${BESIDE}${both[reader]["failed"]}`,
            );
          }
      }
    });
  }

  it("leaves alone what is no status of the pack", () => {
    const editor = editorIn("ko");
    assert.equal(editor.arrives("function", "good records 1"), "good records 1");
    assert.equal(editor.arrives("citystream-sensor-check", "good recordsets 1"), "good recordsets 1");
    assert.equal(editor.arrives("citystream-sensor-check", undefined), undefined);
  });

  it("a word that begins another is not taken for it", () => {
    const words = statusWords(packNodes())["citystream-sensor-check"]?.map(([word]) => word.length) ?? [];
    assert.deepEqual(
      words,
      [...words].sort((a, b) => b - a),
    );
  });

  it("names two statuses that read the same, Korean that lacks a part of its reason, and a reason nothing says", () => {
    const [node] = packNodes();
    assert.ok(node);
    const twice = { ...node, declaration: { ...node.declaration, statuses: { one: "same", two: "same" } } };
    assert.match(checkWords([twice], {})[0] ?? "", /two statuses read "same" in English/u);
    assert.match(
      checkWords([], { "Broker __where__ wants a login": "로그인 필요" })[0] ?? "",
      /has the parts __where__, its Korean $/u,
    );
    assert.match(
      checkWords([], { "Broker __where__ sleeps": "__where__" })[0] ?? "",
      /no error says "sleeps" any more/u,
    );
    assert.deepEqual(checkWords(packNodes(), REASONS), []);
  });
});

describe("a wrong setting", () => {
  const said = {
    "Every: 2 h is longer than the window, so records between windows would be in none":
      /^설정 확인 필요 간격: 2 h은\(는\) 윈도우 길이보다/u,
    "Features: row 2: Field: is required": /^설정 확인 필요 피처: 2행: 필드: 필수 항목입니다$/u,
  };
  for (const [reason, expected] of Object.entries(said))
    it(`is named in the status in Korean, with its field: ${reason}`, () => {
      assert.match(String(editorIn("ko").arrives("citystream-window-batcher", `check settings ${reason}`)), expected);
      assert.equal(
        editorIn("en-US").arrives("citystream-window-batcher", `check settings ${reason}`),
        `check settings ${reason}`,
      );
    });
});

describe("reasons of errors in Korean", () => {
  const context = { brokers: ["kafka:9092"], tls: false, mechanism: "PLAIN", username: "ann" };
  const failures: Record<string, Partial<Error> & { code?: string; type?: string }> = {
    refused: { code: "ECONNREFUSED" },
    "unknown host": { code: "ENOTFOUND" },
    "time-out": { message: "Connection timeout" },
    cut: { message: "Closed connection" },
    "not TLS": { message: "wrong version number" },
    certificate: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    login: { name: "KafkaJSSASLAuthenticationError", message: "bad" },
    mechanism: { type: "UNSUPPORTED_SASL_MECHANISM" },
    "topic permission": { type: "TOPIC_AUTHORIZATION_FAILED" },
    "group permission": { type: "GROUP_AUTHORIZATION_FAILED" },
    "cluster permission": { type: "CLUSTER_AUTHORIZATION_FAILED" },
    session: { type: "INVALID_SESSION_TIMEOUT" },
  };
  for (const [name, failure] of Object.entries(failures)) {
    it(`what Kafka's errors say: ${name}`, () => {
      const { message } = explain(Object.assign(new Error("x"), failure), context);
      const shown = editorIn("ko").plugin.reason(message);
      assert.match(shown, /[가-힣]/u, message);
      assert.doesNotMatch(shown, /check|user |permission|certificate|__/u);
      assert.equal(editorIn("en-US").plugin.reason(message), message);
    });
  }

  it("one that is not known is shown as it is", () => {
    assert.equal(editorIn("ko").plugin.reason("the disk is full"), "the disk is full");
    assert.equal(
      editorIn("ko").plugin.reason('dead letters can\'t be written to topic "dead": the disk is full'),
      '배달 불가 레코드를 토픽 "dead"에 쓸 수 없습니다: the disk is full',
    );
  });

  it(`the plugin ${PLUGIN} is named in package.json, its page lies there`, () => {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
      "node-red": { plugins: Record<string, string> };
    };
    const page = readFileSync(path.join(ROOT, manifest["node-red"].plugins[PLUGIN] ?? ""), "utf8");
    assert.equal(page, wordsPage(packNodes(), Object.keys(REASONS)));
  });
});
