import { randomBytes } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory, writeDurably } from "../durable";
import { ConfigError, messageOf } from "../errors";
import { modelFiles, readModel, type Model } from "./model-file";

const WEIGHTS = /^weights-[0-9a-f]{16}\.bin$/u;
const UNFINISHED = /^(?:model\.json|card\.md)\.[0-9a-f]{16}\.tmp$/u;

/**
 * Puts a model with its card into a folder so that a reader finds the one before or this one, whole, whatever ends the
 * process: everything is on the disk before `model.json` is renamed into its place. The weights of the model before stay
 * until the next one, for who has read its `model.json` just now.
 * @param card Markdown, written as `card.md`
 * @throws ConfigError when the folder cannot be written to; the signal's reason when it is aborted before
 */
export async function publishModel(folder: string, model: Model, card: string, signal?: AbortSignal): Promise<string> {
  const id = randomBytes(8).toString("hex");
  const weightsFile = `weights-${id}.bin`;
  const { json, weights } = modelFiles(model, weightsFile);
  const target = join(folder, "model.json");
  const before = await weightsOfPresent(folder);
  try {
    await mkdir(folder, { recursive: true });
    await writeDurably(join(folder, weightsFile), weights, "wx");
    await writeDurably(join(folder, `card.md.${id}.tmp`), card, "wx");
    await writeDurably(join(folder, `model.json.${id}.tmp`), json, "wx");
    await syncDirectory(folder);
    signal?.throwIfAborted();
    await rename(join(folder, `model.json.${id}.tmp`), target);
    await rename(join(folder, `card.md.${id}.tmp`), join(folder, "card.md"));
    await syncDirectory(folder);
  } catch (error) {
    for (const name of [weightsFile, `card.md.${id}.tmp`, `model.json.${id}.tmp`]) {
      // What has been renamed already is in use.
      if (name === weightsFile && (await uses(folder, weightsFile))) continue;
      await rm(join(folder, name), { force: true }).catch(() => undefined);
    }
    signal?.throwIfAborted();
    throw new ConfigError(`Folder: the model cannot be written to ${folder}: ${messageOf(error)}`, { cause: error });
  }
  await tidy(folder, new Set([weightsFile, ...before]));
  return target;
}

/** That a model can be written there, found out before it is trained. @throws ConfigError */
export async function checkFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new ConfigError(
      `Folder: ${folder} cannot be written to: ${messageOf(error)}; choose another, or give Node-RED the right to write there`,
      { cause: error },
    );
  }
}

/** The model in a folder; undefined when there is none. @throws ConfigError when it is broken */
export const presentModel = (folder: string): Model | undefined =>
  existsSync(join(folder, "model.json")) ? readModel(folder) : undefined;

/** Weight files that the `model.json` in the folder names. */
async function weightsOfPresent(folder: string): Promise<string[]> {
  try {
    const { weightsManifest } = JSON.parse(await readFile(join(folder, "model.json"), "utf8")) as {
      weightsManifest: { paths: string[] }[];
    };
    return weightsManifest.flatMap(({ paths }) => paths);
  } catch {
    // None there, or a broken one, which names nothing that is to be kept.
    return [];
  }
}

const uses = async (folder: string, file: string): Promise<boolean> => (await weightsOfPresent(folder)).includes(file);

/** Removes what earlier models and unfinished writing left. Only files of this module's names. */
async function tidy(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    if ((WEIGHTS.test(name) && !kept.has(name)) || UNFINISHED.test(name)) await rm(join(folder, name), { force: true });
  }
}
