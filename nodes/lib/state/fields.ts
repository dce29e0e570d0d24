/** What nodes with state let the user set about it, and the state that these settings ask for. */
import { createHash } from "node:crypto";
import path from "node:path";
import type { Message } from "../delivery/contract";
import { asError, ConfigError } from "../errors";
import type { Settings } from "../fields";
import { choice, number, text } from "../fields";
import type { NodeContext } from "../node-context";
import { nodeFolder } from "../node-folder";
import type { StreamRecord } from "../stream/record";
import { CheckpointedState } from "./checkpointed";
import { weightOf, type Surroundings } from "./checkpoints";
import { forgetMemory, InMemoryState, memoryOf } from "./in-memory";
import { PartitionedState } from "./partitioned";
import { readyToTake, type Advance, type KeyedState } from "./port";
import type { StoreOptions } from "./store-options";

/** In the user directory. */
const STATE_FOLDER = "citystream/state";
const DAY = 86_400_000;

/** For a declaration's `sections`, beside `...stateFields()`. */
export const stateSection = { state: "State" } as const;

/** Spread into a declaration's `statuses`. */
export const stateStatuses = { restoring: "restoring", stateTrouble: "state not kept" } as const;

/** Of every node that keeps state on disk. */
export const checkpointFields = () => ({
  checkpointEvery: number({
    label: "Checkpoint every (s)",
    default: 1,
    min: 0.01,
    max: 600,
    section: "state",
    hint: "At the latest. When 100 messages wait, a checkpoint comes after a tenth of this time, if the disk is fast enough.",
  }),
  stateFolder: text({
    label: "Folder",
    section: "state",
    hint: "Empty: citystream/state in the user directory.",
  }),
});

const onDisk = { field: "stateKept", is: ["disk", "shared"] };

const HERE = { disk: "kept on disk, over restarts", memory: "in memory only" } as const;
const HINT =
  "On disk a record is finished once a checkpoint holds what it changed; what comes again after that changes nothing.";

/** Defaults that depend on how large a node's states are, and on what they cost beside its work. */
interface Usual {
  readonly keys: number;
  readonly inMemory: number;
  readonly kept?: "disk" | "memory";
}

const KEYS = "Most keys that have a state; the one unused for longest makes room.";
const keysField = ({ keys }: Pick<Usual, "keys">, hint: string) =>
  number({ label: "Keys", default: keys, min: 1, max: 16_000_000, integer: true, section: "state", hint });

/** The same for a node whose state can't be taken apart by partition. */
export const stateFieldsHere = (usual: Usual) => ({
  ...stateFields(usual),
  stateKept: choice({ label: "State", default: usual.kept ?? "disk", options: HERE, section: "state", hint: HINT }),
  keys: keysField(usual, KEYS),
  stateFolder: { ...checkpointFields().stateFolder, showIf: onDisk },
});

export const stateFields = (usual: Usual) => ({
  stateKept: choice({
    label: "State",
    default: usual.kept ?? "disk",
    options: { ...HERE, shared: "on disk, by partition, in a folder that all instances share" },
    section: "state",
    hint: `${HINT} By partition, the state goes along when Kafka moves a partition to another instance: the key must be what Kafka partitions by.`,
  }),
  keys: keysField(usual, `${KEYS} By partition: of each.`),
  keysInMemory: number({
    label: "Keys in memory",
    default: usual.inMemory,
    min: 1,
    integer: true,
    section: "state",
    showIf: onDisk,
    hint: "The state of others is read from disk when one of their records comes.",
  }),
  checkpointEvery: { ...checkpointFields().checkpointEvery, showIf: onDisk },
  forgetAfter: number({
    label: "Forget after (days)",
    default: 365,
    min: 0,
    section: "state",
    showIf: onDisk,
    hint: "A key of which no record came for so long begins anew. 0: never.",
  }),
  stateFolder: {
    ...checkpointFields().stateFolder,
    showIf: onDisk,
    hint: "Empty: citystream/state in the user directory. By partition: a folder that all instances share, such as NFS mounted without attribute caching (actimeo=0 or noac), so that what one has written is what the next one finds.",
  },
});

export type StateSettings = Settings<ReturnType<typeof stateFields>>;

export type StateNode = Pick<
  NodeContext,
  "RED" | "id" | "hold" | "retain" | "emissionsOf" | "warn" | "error" | "status"
>;

/** Where a node's state lies. @param folder the setting: empty for the usual one */
export const stateDirectory = (node: StateNode, folder: string): string => nodeFolder(node, folder || STATE_FOLDER);

/** What kept state asks of its node: it shows that the state is being restored, and why it can't be kept. */
export function stateSurroundings(node: StateNode): Surroundings {
  let trouble: string | undefined;
  node.status("restoring", "yellow");
  return {
    hold: node.hold,
    retain: node.retain,
    emissionsOf: node.emissionsOf,
    trouble(error) {
      if (error && error.message !== trouble) node.warn(`the state is not kept, records wait: ${error.message}`);
      trouble = error?.message;
      if (error) node.status("stateTrouble", "red", error.message);
    },
  };
}

/** What only some nodes' states are. */
interface StateManner extends Pick<StoreOptions, "codec" | "results"> {
  /** Each format has a folder of its own: the node may go from one to another while it works. */
  readonly apart?: true;
  /** In memory it outlives a deploy, with what was said of records that may come again. */
  readonly outlives?: true;
}

/**
 * The state that a node's settings ask for.
 *
 * @param format names what the states are and every setting that changes their meaning
 */
export function openState<S, R, T extends StreamRecord = StreamRecord>(
  node: StateNode,
  settings: StateSettings,
  format: string,
  advance: Advance<S, R, T>,
  { apart, outlives, ...more }: StateManner = {},
): KeyedState<R, T> {
  if (settings.stateKept === "memory")
    return outlives
      ? new InMemoryState(advance, settings.keys, memoryOf<S>(node.id, format), node.emissionsOf)
      : new InMemoryState(advance, settings.keys);
  forgetMemory(node.id);
  const options = {
    ...more,
    format,
    ttl: settings.forgetAfter > 0 ? settings.forgetAfter * DAY : Infinity,
    most: settings.keys,
    inMemory: settings.keysInMemory,
    interval: settings.checkpointEvery * 1000,
    records: 10_000,
    warn: node.warn,
  };
  const within = (folder: string): string => {
    const directory = stateDirectory(node, folder);
    return apart ? path.join(directory, nameOf(format)) : directory;
  };
  if (settings.stateKept === "disk")
    return new CheckpointedState(
      advance,
      { ...options, directory: within(settings.stateFolder) },
      stateSurroundings(node),
    );
  if (settings.stateFolder === "")
    throw new ConfigError(
      "Folder: it is empty; state by partition needs the folder that all instances share, such as /mnt/shared/state",
    );
  return new PartitionedState(
    advance,
    { ...options, shared: within(settings.stateFolder), own: within("") },
    stateSurroundings(node),
  );
}

/** Shows a node's own status as soon as its state is there, not with the first record only. */
export function whenRestored({ ready }: Pick<KeyedState<unknown>, "ready">, show: () => void): void {
  if (ready) ready.then(show, () => undefined);
  else show();
}

/** A folder's name for a format. */
const nameOf = (format: string): string => createHash("sha256").update(format).digest("hex").slice(0, 16);

/**
 * Does a node's work on a message once its state is there, in the order in which messages came. Its records, also where a part
 * of the work failed, are not finished before what they changed is kept. While the folder is read, or can't be used, the message is
 * held.
 */
export function throughState(
  node: Pick<NodeContext, "hold">,
  state: Pick<KeyedState<unknown>, "ready" | "readyFor" | "kept">,
  message: Message,
  work: () => void,
): Promise<void> | undefined {
  const go = (): Promise<void> | undefined => {
    let failure: Error | undefined;
    try {
      work();
    } catch (error) {
      failure = asError(error);
    }
    const kept = state.kept(message);
    if (!failure) return kept;
    if (!kept) throw failure;
    return kept.then(() => Promise.reject(failure));
  };
  const ready = readyToTake(state, message);
  if (!ready) return go();
  const release = node.hold(message, { counts: true, ...weightOf(message) });
  return ready.finally(release).then(() => (state.readyFor ? throughState(node, state, message, work) : go()));
}
