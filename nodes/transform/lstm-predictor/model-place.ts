/** Which model answers at the moment, and how another takes its place. */
import { statSync } from "node:fs";
import path from "node:path";
import { ConfigError, messageOf } from "../../lib/errors";
import type { NodeContext } from "../../lib/node-context";
import type { StateNode, StateSettings } from "../../lib/state/fields";
import { openModel, type LoadedModel, type ModelSettings, type OpenedModel } from "./loaded-model";
import { openSeries } from "./series";

type PredictorNode = StateNode & Pick<NodeContext, "log">;

export interface ModelPlace {
  /** The model that answers; undefined: there is none yet. */
  readonly present: LoadedModel | undefined;
  /** Puts the model of a file into the place of the present one, whose answers under way are its own. @throws ConfigError */
  load(file: string): Promise<void>;
  /** The node closes: engines that wait for a server give up soon. */
  hurry(): void;
  /** @param answered waits for the answers of what has waited for its series until then */
  close(answered: () => Promise<unknown>): Promise<void>;
}

/**
 * @param file the model's file or folder
 * @param every ms between two looks whether the file holds a new model; 0: it is read once, and must be there
 * @param taken told of each model that takes over
 * @throws ConfigError when it is broken, or must be there and is not
 */
export function modelPlace(
  node: PredictorNode,
  settings: ModelSettings & StateSettings,
  file: string,
  every: number,
  taken: (model: LoadedModel) => void,
): ModelPlace {
  let present: LoadedModel | undefined;
  let seen = markOf(file);
  if (every === 0 || seen !== undefined) {
    const first = openModel(node, settings, file);
    present = first.with(openSeries(node, settings, first.shape));
  }
  /** What they still compute, and the state that is still written. */
  const leaving = new Map<LoadedModel, Promise<unknown>>();
  const closing = new Map<string, Promise<void>>();
  let opening: OpenedModel | undefined;
  let hurried = false;
  let last: Promise<unknown> = Promise.resolve();

  /** A model that can answer. */
  async function opened(from: string): Promise<OpenedModel> {
    const model = openModel(node, settings, from);
    opening = model;
    if (hurried) model.engine.hurry();
    try {
      await model.engine.opened;
      return model;
    } catch (error) {
      await model.engine.close();
      throw error;
    } finally {
      opening = undefined;
    }
  }

  async function swap(from: string): Promise<void> {
    const next = await opened(from);
    const before = present;
    const goesOn = before?.shape.name === next.shape.name;
    // Its folder may still belong to an earlier model.
    if (!goesOn) await closing.get(next.shape.name);
    present = next.with(goesOn ? before.state : openSeries(node, settings, next.shape));
    taken(present);
    if (before) leave(before, !goesOn);
  }

  /** Its answers under way are its own. */
  function leave(model: LoadedModel, alsoState: boolean): void {
    const { name } = model.shape;
    const answered = model.engine.close().finally(() => leaving.delete(model));
    leaving.set(model, answered);
    if (alsoState)
      closing.set(
        name,
        model.state
          .close()
          .catch((error: unknown) => node.warn(`the series before are not closed well: ${messageOf(error)}`))
          .finally(() => closing.delete(name)),
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
      hurried = true;
      for (const model of [present, opening, ...leaving.keys()]) model?.engine.hurry();
    },
    async close(answered) {
      clearInterval(timer);
      await last;
      await Promise.all([present?.state.close(), ...closing.values()]);
      await answered();
      await Promise.all([present?.engine.close(), ...leaving.values()]);
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
