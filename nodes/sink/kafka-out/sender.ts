/** How records leave: straight to Kafka, or with a spool on disk behind the memory. */
import path from "node:path";
import { deadLetterFile } from "../../lib/delivery/dead-letter-file";
import { DEAD_LETTER_FOLDER } from "../../lib/field-groups";
import { asError, Retriable } from "../../lib/errors";
import type { OutgoingRecord, Producer, ProducerOptions } from "../../lib/kafka/port";
import { sleep } from "../../lib/kafka/sleep";
import { spoolingProducer, type SpooledProducer } from "../../lib/kafka/spooled-producer";
import type { NodeContext } from "../../lib/node-context";
import { holdsSpool } from "../../lib/spool/segments";

export type Sender = SpooledProducer;
type State = (trouble: Error | undefined) => void;

export interface SenderOptions {
  /** MB on disk; undefined: no spool. */
  readonly spoolSize: number | undefined;
  /** Empty: in the user directory. */
  readonly spoolFolder: string;
  readonly bufferBytes: number;
  state: State;
  diskTrouble: State;
  changed(): void;
  /** The node is being closed. */
  readonly closed: AbortSignal;
}

const userDirectory = (node: Pick<NodeContext, "RED">): string => node.RED.settings.userDir ?? process.cwd();

/** Each node has a folder of its own, whatever folder the user names. */
const spoolDirectory = (node: NodeContext, folder: string): string =>
  path.join(path.resolve(userDirectory(node), folder || "citystream/spool"), node.id);

const withoutSpool = (producer: Producer): Sender => ({
  send: (records) => producer.send(records),
  spooled: 0,
  close: (drain) => producer.close(drain),
});

/** What a dead letter shows of a record that was spooled: the message is gone, its node has finished it. */
const messageOf = ({ topic, key, value, partition, timestamp, headers }: OutgoingRecord) => ({
  topic,
  payload: value,
  key,
  timestamp,
  ...(partition === undefined ? {} : { partition }),
  ...(headers ? { headers: Object.fromEntries(headers) } : {}),
});

/** How often a spool that can't be opened is tried again, in ms. */
const AGAIN = 1000;

/** Opens the spool as soon as the disk lets it. @throws Retriable when `closed` comes first */
const opened = async (
  open: () => Promise<SpooledProducer>,
  diskTrouble: State,
  closed: AbortSignal,
): Promise<SpooledProducer> => {
  for (let failed = false; ;)
    try {
      const sender = await open();
      if (failed) diskTrouble(undefined);
      return sender;
    } catch (error) {
      failed = true;
      diskTrouble(asError(error));
      await sleep(AGAIN, closed);
      if (closed.aborted)
        throw new Retriable("The node was closed before its disk spool could be opened", { cause: error });
    }
};

/**
 * Waits while the spool can't be opened, and tells why.
 * @param make makes the producer that writes to Kafka
 * @throws Retriable when `options.closed` comes before that (the promise)
 */
export const makeSender = async (
  node: NodeContext,
  make: (events: Pick<ProducerOptions, "state" | "held">) => Producer,
  options: SenderOptions,
): Promise<Sender> => {
  const directory = spoolDirectory(node, options.spoolFolder);
  if (options.spoolSize === undefined) {
    void holdsSpool(directory).then((holds) => {
      if (holds) node.warn(`${directory} still holds records that Kafka has not got: switch the disk spool on again`);
    });
    return withoutSpool(make({ state: options.state }));
  }
  const maxBytes = options.spoolSize * 1024 * 1024;
  const letters = deadLetterFile({
    directory: path.resolve(userDirectory(node), DEAD_LETTER_FOLDER),
    prefix: `kafka-out-${node.id}`,
  });
  const open = (): Promise<SpooledProducer> =>
    spoolingProducer(make, {
      directory,
      maxBytes,
      bufferBytes: options.bufferBytes,
      state: options.state,
      diskTrouble: options.diskTrouble,
      changed: options.changed,
      lost: (text) => node.error(text),
      cut: (text) => node.warn(text),
      async refused(record, error) {
        const message = messageOf(record);
        const { id, type, name } = node;
        await letters.write([{ message, error, node: { id, type, name }, attempts: 1, time: Date.now() }]);
        node.error(`Kafka does not take a spooled record, which is now a dead letter: ${error.message}`, message);
      },
    });
  const sender = await opened(open, options.diskTrouble, options.closed);
  return {
    send: (records) => sender.send(records),
    get spooled() {
      return sender.spooled;
    },
    async close(drain) {
      await sender.close(drain);
      await letters.close();
      if (sender.spooled > 0) node.log(`${sender.spooled} records wait in ${directory} for the next start`);
    },
  };
};
