/** Which model answers at the moment, and how another takes its place. */
import { statSync } from "node:fs";
import path from "node:path";
import { ConfigError, messageOf } from "../../lib/errors";
import { loadModel, openModel, type LoadedModel, type ModelSettings, type PredictorNode } from "./loaded-model";

export interface ModelPlace {
  /** The model that answers; undefined: there is none yet. */
  readonly present: LoadedModel | undefined;
  /** Puts the model of a file into the place of the present one, whose answers under way are its own. @throws ConfigError */
  load(file: string): Promise<void>;
  /** The node closes: engines that wait for a server give up soon. */
  hurry(): void;
  close(): Promise<void>;
}

/**
 * @param file the model's file or folder
 * @param every ms between two looks whether the file holds a new model; 0: it is read once, and must be there
 * @param taken told of each model that takes over
 * @throws ConfigError when it is broken, or must be there and is not
 */
export function modelPlace(
  node: PredictorNode,
  settings: ModelSettings,
  file: string,
  every: number,
  taken: (model: LoadedModel) => void,
): ModelPlace {
  let present: LoadedModel | undefined;
  let seen = markOf(file);
  if (every === 0 || seen !== undefined) present = openModel(node, settings, file);
  const leaving = new Map<LoadedModel, Promise<void>>();
  let opening: LoadedModel | undefined;
  let closing = false;
  let last: Promise<unknown> = Promise.resolve();

  function opens(model: LoadedModel): void {
    opening = model;
    if (closing) model.engine.hurry();
  }

  async function swap(from: string): Promise<void> {
    const before = present;
    const next = await loadModel(node, settings, from, before, opens).finally(() => (opening = undefined));
    present = next;
    taken(next);
    if (!before) return;
    leaving.set(
      before,
      before.close(false).finally(() => leaving.delete(before)),
    );
  }

  /** One after the other. */
  function load(from: string): Promise<void> {
    const turn = last.then(() => swap(from));
    last = turn.catch(() => undefined);
    return turn;
  }

  const look = (): void => {
    const mark = markOf(file);
    if (mark === undefined || mark === seen) return;
    seen = mark;
    load(file).catch((error: unknown) =>
      node.warn(`the new model is not taken, the one before goes on: ${messageOf(error)}`),
    );
  };
  const timer = every > 0 ? setInterval(look, every) : undefined;

  return {
    get present() {
      return present;
    },
    async load(from) {
      await load(from);
      if (path.resolve(from) === path.resolve(file)) seen = markOf(file);
    },
    hurry() {
      closing = true;
      for (const model of [present, opening, ...leaving.keys()]) model?.engine.hurry();
    },
    async close() {
      clearInterval(timer);
      await last;
      await present?.close(true);
      await Promise.all(leaving.values());
    },
  };
}

/** What tells one content of a model's file from another; undefined: there is none. */
function markOf(file: string): string | undefined {
  try {
    const found = statSync(file);
    if (found.isDirectory()) return markOf(path.join(file, "model.json"));
    return `${found.ino} ${found.mtimeMs} ${found.size}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new ConfigError(`Model file ${file} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
}
