/** Node-REDs that serve the editor to a browser. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Context } from "mocha";
import { flowOf, nodeRed, type FlowNode } from "../harness";
import { startChild } from "../harness/child";
import type { NodeRedVersion } from "../harness/node-reds";
import { needsBrowser, openEditor, type EditorPage } from "./browser";

export interface Served {
  readonly url: string;
  /** The user directory, where the flow may write. */
  readonly userDir: string;
  stop(): Promise<void>;
}

/**
 * A Node-RED of a version with this flow, in a process of its own.
 *
 * @param language what the server speaks, as `LC_ALL` says it
 */
export async function serve(
  context: Context,
  { version, node }: NodeRedVersion,
  flow: (userDir: string) => readonly FlowNode[],
  language: "en_US" | "ko_KR",
): Promise<Served> {
  const binary = await node(context);
  const userDir = mkdtempSync(path.join(tmpdir(), "citystream-editor-"));
  const flowFile = path.join(userDir, "flow.json");
  writeFileSync(flowFile, JSON.stringify(flow(userDir)));
  const child = await startChild({
    userDir,
    flowFile,
    node: binary,
    env: { CITYSTREAM_NODE_RED: version, LC_ALL: `${language}.UTF-8` },
  });
  return {
    url: child.url,
    userDir,
    async stop() {
      await child.kill9();
      rmSync(userDir, { recursive: true, force: true });
    },
  };
}

/** A Node-RED of a version with an empty tab: this process's own where it is of that version. */
export async function serveEmpty(context: Context, version: NodeRedVersion): Promise<Served> {
  if (version.version === "5") return serve(context, version, () => flowOf(), "en_US");
  const red = await nodeRed();
  await red.deploy(flowOf());
  return { url: red.url, userDir: red.userDir, stop: () => Promise.resolve() };
}

/** For the tests of one `describe`: a browser in the editor of a Node-RED with an empty tab. Without one they are skipped. */
export function editorOf(version: NodeRedVersion, language: "en-US" | "ko"): { readonly editor: EditorPage } {
  let served: Served | undefined;
  let editor: EditorPage | undefined;
  before(async function open() {
    needsBrowser(this);
    served = await serveEmpty(this, version);
    editor = await openEditor(served.url, language);
  });
  after(async () => {
    await editor?.close();
    await served?.stop();
  });
  return {
    get editor() {
      if (!editor) throw new Error("the editor is open in the tests only");
      return editor;
    },
  };
}
