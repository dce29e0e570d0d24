/**
 * The pack's editor plugin: statuses and reasons of errors in the language of whoever reads them. The runtime sends
 * plain text in the server's language, which Status nodes and the admin API read as well; Node-RED's editor translates
 * a status only when all of it is a key. The plugin knows the words of every language and puts those of the editor's
 * language in their place as a status arrives.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { BESIDE } from "../../nodes/lib/status";
import { english, korean, type Words } from "./catalogue";
import { ROOT, type PackNode } from "./nodes";

/** Name of the plugin, of its set in package.json, and of its catalogue. */
export const PLUGIN = "citystream-words";

/** English reasons with `__name__` for what differs, and their Korean. */
export const REASONS = path.join(ROOT, "nodes/lib/reasons.ko.json");

export const koreanReasons = (): Readonly<Record<string, string>> =>
  existsSync(REASONS) ? (JSON.parse(readFileSync(REASONS, "utf8")) as Record<string, string>) : {};

/** For each type of node: its status words of every language, the longest first, each with its key. */
export function statusWords(nodes: readonly PackNode[]): Record<string, [word: string, key: string][]> {
  return Object.fromEntries(
    nodes.map((node) => {
      const keys = new Map<string, string>();
      for (const words of [english(node), korean(node).words])
        for (const [word, text] of Object.entries((words["status"] ?? {}) as Words))
          keys.set(String(text), `${node.set}.status.${word}`);
      return [node.declaration.type, [...keys].sort(([a], [b]) => b.length - a.length)];
    }),
  );
}

/** For each type of node: the English labels of its fields and columns, as errors begin with them, each with its key. */
export function fieldLabels(nodes: readonly PackNode[]): Record<string, Record<string, string>> {
  return Object.fromEntries(
    nodes.map((node) => {
      const words = english(node);
      const labels: Record<string, string> = {};
      const rows = Object.entries((words["column"] ?? {}) as Record<string, Words>);
      for (const [field, columns] of rows)
        for (const [column, label] of Object.entries(columns))
          labels[String(label)] = `${node.set}.column.${field}.${column}`;
      for (const [name, label] of Object.entries((words["field"] ?? {}) as Words))
        labels[String(label)] = `${node.set}.field.${name}`;
      return [node.declaration.type, labels];
    }),
  );
}

/** Text of all sources of the nodes, sentences that are written in two lines put together. */
const sources = (): string =>
  readdirSync(path.join(ROOT, "nodes"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) =>
      readFileSync(path.join(ROOT, "nodes", file), "utf8")
        .replaceAll('\\"', '"')
        .replaceAll(/["`] \+\n\s*["`]/gu, ""),
    )
    .join("\n");

/**
 * What is wrong with the words: two statuses of a node that read the same, a reason whose Korean has other parts, a
 * reason that no source says any more (its error was reworded).
 */
export function checkWords(nodes: readonly PackNode[], reasons: Readonly<Record<string, string>>): string[] {
  const problems: string[] = [];
  for (const node of nodes)
    for (const [language, words] of [["English", english(node)] as const, ["Korean", korean(node).words] as const]) {
      const texts = Object.values((words["status"] ?? {}) as Words).map(String);
      const twice = texts.find((text, index) => texts.indexOf(text) !== index);
      if (twice !== undefined) problems.push(`${node.set}: two statuses read "${twice}" in ${language}`);
    }
  const said = sources();
  for (const [reason, translation] of Object.entries(reasons)) {
    const lost = reason
      .split(/__\w+?__|[;:]/u)
      .map((part) => part.replace(/^[\s"()]+|[\s"()]+$/gu, ""))
      .find((part) => !said.includes(part));
    if (lost !== undefined) problems.push(`reasons.ko.json: no error says "${lost}" any more, of "${reason}"`);
    const parts = (text: string): string => [...new Set(text.match(/__\w+?__/gu))].sort().join(" ");
    if (parts(reason) !== parts(translation))
      problems.push(`reasons.ko.json: "${reason}" has the parts ${parts(reason)}, its Korean ${parts(translation)}`);
  }
  return problems;
}

/** The catalogue of reasons in one language, by the index of each. */
export const reasonCatalogue = (texts: readonly string[]): Words => ({
  [PLUGIN]: { reason: Object.fromEntries(texts.map((text, index) => [`r${index}`, text])) },
});

const literal = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");

/** The plugin's page. */
export function wordsPage(nodes: readonly PackNode[], reasons: readonly string[]): string {
  return `<script type="text/javascript">
(function() {
    var statuses = ${literal(statusWords(nodes))};
    var labels = ${literal(fieldLabels(nodes))};
    var reasons = ${literal(reasons)}.map(function(text, index) {
        var names = [];
        var pattern = text.split(/(__\\w+?__)/).map(function(part) {
            if (!/^__\\w+__$/.test(part)) { return part.replace(/[.*+?^$(){}|[\\]\\\\]/g, "\\\\$&"); }
            names.push(part.slice(2, -2));
            return "([^]+?)";
        }).join("");
        return { key: "@citystream/node-red-citystream/${PLUGIN}:${PLUGIN}.reason.r" + index, names: names, pattern: new RegExp("^" + pattern + "$") };
    });
    // What an error says, in the editor's language where it is known; what it quotes likewise.
    function reason(text) {
        for (var i = 0; i < reasons.length; i++) {
            var found = reasons[i].pattern.exec(text);
            if (found) {
                var values = {};
                reasons[i].names.forEach(function(name, at) { values[name] = reason(found[at + 1]); });
                return RED._(reasons[i].key, values);
            }
        }
        return text;
    }
    // The reason of a node, which may begin with the label of the field that is wrong, or with a row's number and one.
    function reasonOf(node, text) {
        var parts = /^(row \\d+|[^:]+): ([^]+)$/.exec(text);
        var label = parts && labels[node.type] && labels[node.type][parts[1]];
        if (label) { return node._(label) + ": " + reasonOf(node, parts[2]); }
        if (parts && /^row \\d+$/.test(parts[1])) { return reason(parts[1]) + ": " + reasonOf(node, parts[2]); }
        return reason(text);
    }
    // A status text of the runtime: a word, or a word and a detail, or these and that messages fail.
    function status(node, text) {
        var words = statuses[node.type];
        var end = text.lastIndexOf(${literal(BESIDE)});
        var failed = end > 0 && words.find(function(word) { return word[0] === text.slice(end + ${BESIDE.length}) && /\\.failed$/.test(word[1]); });
        if (failed) { return status(node, text.slice(0, end)) + ${literal(BESIDE)} + node._(failed[1]); }
        for (var i = 0; i < words.length; i++) {
            if (text === words[i][0]) { return node._(words[i][1]); }
            if (text.indexOf(words[i][0] + " ") === 0) {
                return node._(words[i][1]) + " " + reasonOf(node, text.slice(words[i][0].length + 1));
            }
        }
        return text;
    }
    // The editor has a listener of its own, which keeps the message as the node's status.
    RED.comms.subscribe("status/#", function(topic, msg) {
        var node = RED.nodes.node(topic.split("/")[1]);
        if (!node || !statuses[node.type] || typeof msg.text !== "string") { return; }
        var before = msg.text;
        msg.text = status(node, before);
        if (node.status && (node.status === msg || node.status.text === before)) {
            node.status.text = msg.text;
            node.dirtyStatus = true;
            node.dirty = true;
            RED.view.redrawStatus(node);
        }
    });
    // A node of a flow that was saved before it had a setting has what the runtime takes for it: the default.
    RED.events.on("nodes:add", function(node) {
        var defaults = statuses[node.type] && node._def && node._def.defaults;
        Object.keys(defaults || {}).forEach(function(name) {
            var value = defaults[name].value;
            if (node[name] === undefined && value !== undefined && !defaults[name].type) {
                node[name] = JSON.parse(JSON.stringify(value));
            }
        });
    });
    RED.plugins.registerPlugin("${PLUGIN}", { type: "citystream", status: status, reason: reason });
})();
</script>
`;
}
