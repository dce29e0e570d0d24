/** The words' plugin, run in an editor that is just enough for it. */
import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import { english, korean } from "../../../tools/editor/catalogue";
import { packNodes, type PackNode } from "../../../tools/editor/nodes";
import { koreanReasons, wordsPage } from "../../../tools/editor/words-page";

interface Message {
  text?: unknown;
}
interface EditorNode {
  type: string;
  _(key: string): string;
  status?: Message;
}
interface Plugin {
  reason(text: string): string;
}

export const REASONS = koreanReasons();

/** The plugin in an editor of a language, and what it does to a status that arrives. */
export function editorIn(language: "en-US" | "ko"): { plugin: Plugin; arrives(type: string, text: unknown): unknown } {
  const catalogues = new Map<string, PackNode>(packNodes().map((node) => [node.declaration.type, node]));
  const nodes = new Map<string, EditorNode>();
  let listener: ((topic: string, message: Message) => void) | undefined;
  let plugin: Plugin | undefined;
  const texts = language === "ko" ? Object.values(REASONS) : Object.keys(REASONS);
  const RED = {
    _: (key: string, values: Record<string, string>) => {
      const text = texts[Number(/reason\.r(\d+)$/u.exec(key)?.[1])] ?? key;
      return text.replace(/__(\w+?)__/gu, (_all, name: string) => values[name] ?? "");
    },
    nodes: { node: (id: string) => nodes.get(id) },
    events: { on: () => undefined },
    comms: { subscribe: (_topic: string, listen: typeof listener) => void (listener = listen) },
    view: { redrawStatus: () => undefined },
    plugins: { registerPlugin: (_id: string, definition: Plugin) => void (plugin = definition) },
  };
  const script = /<script type="text\/javascript">([^]*)<\/script>/u.exec(
    wordsPage(packNodes(), Object.keys(REASONS)),
  )?.[1];
  runInNewContext(script ?? "", { RED });
  assert.ok(plugin);
  return {
    plugin,
    arrives(type, text) {
      const found = catalogues.get(type);
      const words = found && (language === "ko" ? korean(found).words : english(found));
      const message: Message = { text };
      nodes.set("n", {
        type,
        status: message,
        _: (key) => {
          const [, kind = "", ...names] = key.split(".");
          const word = names.reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], words?.[kind]);
          return typeof word === "string" ? word : key;
        },
      });
      listener?.("status/n", message);
      return nodes.get("n")?.status?.text;
    },
  };
}
