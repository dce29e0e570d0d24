import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { flowOf, until } from "../harness";
import { NODE_REDS } from "../harness/node-reds";
import { needsBrowser, openEditor, type EditorPage } from "./browser";
import { serve, type Served } from "./served";

const GOOD = '{"device_id":"s-1","status":0,"time":"2017-02-28T23:00:00Z","lat":35.1,"lon":129.07}';
const BAD = '{"device_id":"s-1","status":0,"time":"2017-02-28T23:00:00Z","lat":95,"lon":129.07}';

/** A number, an error's reason, and what a Status node reads of them. */
const flow = (userDir: string) =>
  flowOf(
    {
      id: "good",
      type: "inject",
      once: true,
      onceDelay: 0.1,
      props: [{ p: "payload" }],
      payload: GOOD,
      payloadType: "json",
      wires: [["check"]],
    },
    { id: "bad", type: "inject", props: [{ p: "payload" }], payload: BAD, payloadType: "json", wires: [["check"]] },
    { id: "check", type: "citystream-sensor-check", wires: [[], ["refused"]] },
    { id: "refused", type: "junction" },
    { id: "cluster", type: "citystream-kafka-cluster", brokers: "127.0.0.1:1" },
    { id: "in", type: "citystream-kafka-in", cluster: "cluster", topics: "t", group: "g", wires: [["refused"]] },
    { id: "status", type: "status", scope: ["check", "in"], wires: [["line"]] },
    {
      id: "line",
      type: "function",
      func: "return { payload: msg.status.source.id + ': ' + msg.status.text };",
      wires: [["file"]],
    },
    {
      id: "file",
      type: "file",
      filename: path.join(userDir, "statuses.txt"),
      filenameType: "str",
      appendNewline: true,
      overwriteFile: "false",
      encoding: "utf8",
    },
  );

const WORDS = {
  "en-US": {
    good: "good records",
    refused: "records refused",
    away: "kafka No Kafka broker at 127.0.0.1:1 (connection refused): check host and port, and that it runs",
  },
  ko: {
    good: "정상 레코드",
    refused: "거부된 레코드",
    away: "Kafka 127.0.0.1:1에 Kafka 브로커가 없습니다(연결 거부). 호스트와 포트, 브로커가 실행 중인지 확인하십시오",
  },
} as const;

/** The text below a node, as it is drawn. */
const drawn = ({ page }: EditorPage, id: string): Promise<string> =>
  page.locator(`[id="${id}"] .red-ui-flow-node-status-label`).innerHTML();

/** Where each server speaks a language, and readers of both look at it. */
const SERVERS = [
  { ...NODE_REDS[0], server: "en_US", plain: "good records 1" },
  { ...NODE_REDS[1], server: "ko_KR", plain: "정상 레코드 1" },
] as const;

for (const { server, plain, ...version } of SERVERS) {
  describe(`statuses in the editor of ${version.title}, the server speaking ${server}`, function statuses() {
    this.timeout(180_000);
    let served: Served;
    before(async function start() {
      needsBrowser(this);
      served = await serve(this, version, flow, server);
    });
    after(() => served?.stop());

    it("a Status node reads plain text in the server's language", async () => {
      const file = path.join(served.userDir, "statuses.txt");
      const read = (): string[] => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);
      await until("the status came", () => read().includes(`check: ${plain}`), 60_000, read);
      await until("the reason came", () => read().some((line) => /^in: kafka .*refused/iu.test(line)), 60_000, read);
    });

    for (const [before, language] of (["en-US", "ko"] as const).entries()) {
      it(`a reader of ${language} sees a number, its change, and the reason of an error in that language`, async () => {
        const { good, refused, away } = WORDS[language];
        const editor = await openEditor(served.url, language);
        const shows = (id: string, text: string): Promise<void> =>
          until(
            `${id} shows ${text}`,
            async () => (await drawn(editor, id)) === text,
            60_000,
            () => drawn(editor, id),
          );
        try {
          await shows("check", before === 0 ? `${good} 1` : `${refused} ${before} / ${before + 1}`);
          await shows("in", away);
          const response = await fetch(`${served.url}/inject/bad`, { method: "POST" });
          assert.equal(response.status, 200);
          await shows("check", `${refused} ${before + 1} / ${before + 2}`);
          assert.deepEqual(editor.problems, []);
        } finally {
          await editor.close();
        }
      });
    }
  });
}
