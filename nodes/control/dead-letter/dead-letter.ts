import path from "node:path";
import type { Message } from "../../lib/delivery/contract";
import { ConfigError, Rejected } from "../../lib/errors";
import { DEAD_LETTER_FOLDER, deliverySettings } from "../../lib/field-groups";
import { checkTopicName } from "../../lib/kafka/topic-name";
import { watchTrouble } from "../../lib/kafka/trouble";
import { letterDesk, type Desk } from "../../lib/letters/desk";
import { readFilter } from "../../lib/letters/filter";
import { letterFolder } from "../../lib/letters/folder";
import type { LetterStore } from "../../lib/letters/store";
import { letterTopic } from "../../lib/letters/topic";
import { defineNode } from "../../lib/node";
import { serveDesk } from "./admin";
import { declaration } from "./declaration";

/** How long closing waits for what is being replayed, in ms. */
const DRAIN = 5_000;
/** How often the store is looked at for the status, in ms. */
const LOOK = 2_000;
/** Letters in an answer, unless the message asks for others. */
const PAGE = 100;

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const home = node.RED.settings.userDir ?? process.cwd();
  const trouble = watchTrouble((text) => {
    if (text !== undefined) node.warn(text);
    show();
  });
  let release: (() => Promise<void>) | undefined;

  const open = (): LetterStore => {
    const prefix = `kept-${node.id}`;
    if (settings.store === "files")
      return letterFolder(path.resolve(home, settings.folder || DEAD_LETTER_FOLDER), prefix);
    const { cluster, topic } = settings;
    if (cluster === undefined) throw new ConfigError("Cluster: is not chosen");
    checkTopicName(topic);
    release = cluster.use();
    return letterTopic(cluster.kafka, {
      topic,
      group: settings.group || `citystream-dead-letter-${node.id}`,
      doneFile: path.resolve(home, `citystream/dead-letters-done/${node.id}-${topic}`),
      from: { id: node.id, type: node.type, name: node.name },
      state: trouble.set,
      warn: (text) => node.warn(text),
      changed: () => show(),
    });
  };
  const store = open();
  const desk: Desk = letterDesk(store, settings.inFlight, { changed: () => show(), trouble: trouble.set });

  function show(): void {
    if (node.closing) return;
    if (trouble.shown !== undefined) node.status("trouble", "red", trouble.shown);
    else if (desk.replaying > 0) node.status("replaying", "blue", `${desk.replaying}/${store.size}`);
    else if (store.size > 0) node.status("waiting", "yellow", `${store.size}${store.more ? "+" : ""}`);
    else node.status("none", "green");
  }

  const source = node.source({
    ...deliverySettings(node.RED, { ...settings, deadLetterFolder: "", deadLetterSize: 1 }),
    deadLetters: desk.deadLetters,
    onFlows(running) {
      // Called before `source` is there when flows run already.
      if (running) queueMicrotask(() => desk.running(source));
    },
  });
  const unserve = serveDesk(node.RED, node.id, { desk, place: store.place });
  const look = (): void => void desk.look().then(show, () => undefined);
  look();
  const timer = setInterval(look, LOOK);

  return {
    async receive(message: Message) {
      const answer = await perform(desk, message);
      message.payload = answer;
      node.send(message, { port: 1 });
    },
    async close() {
      clearInterval(timer);
      unserve();
      trouble.close();
      await source.close(DRAIN);
      await desk.close();
      await release?.();
    },
  };
});

/** Carries out `msg.topic`: list, replay or discard, with the filter of `msg.payload`. */
async function perform(desk: Desk, message: Message): Promise<unknown> {
  const { topic, payload } = message;
  const given = (typeof payload === "object" && payload !== null && !Array.isArray(payload) ? payload : {}) as Readonly<
    Record<string, unknown>
  >;
  const filter = readFilter(given);
  const most = wholeNumber(given["limit"], "limit");
  const chooses = Object.keys(filter).length > 0 || given["all"] === true;
  if (topic !== "list" && !chooses && (topic === "replay" || topic === "discard"))
    throw new Rejected(`${topic}: say which letters in msg.payload (ids, node, cause, …), or {"all": true}`);
  switch (topic) {
    case "list":
      return desk.list(filter, wholeNumber(given["first"], "first") ?? 0, most ?? PAGE);
    case "replay":
      return { replayed: await desk.replay(filter, most) };
    case "discard":
      return { discarded: await desk.discard(filter, most) };
    default:
      throw new Rejected(`msg.topic must be list, replay or discard, and is ${shown(topic)}`);
  }
}

const shown = (value: unknown): string =>
  typeof value === "string" ? `"${value.slice(0, 40)}"` : value === undefined ? "missing" : `a ${typeof value}`;

function wholeNumber(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const read = Number(value);
  if (!Number.isInteger(read) || read < 0) throw new Rejected(`${name}: give a whole number`);
  return read;
}
