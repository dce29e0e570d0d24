import { batchOf, countOf, recordAt } from "../../lib/batch";
import type { Message } from "../../lib/delivery/contract";
import { asError, BatchFailure } from "../../lib/errors";
import { publicationOf, type PublishForm } from "../../lib/mqtt/publication";
import { Publisher } from "../../lib/mqtt/publisher";
import { defineNode } from "../../lib/node";
import { template } from "../../lib/template";
import { declaration } from "./declaration";

/** How long closing waits for acknowledgements, in ms. */
const DRAIN = 5_000;
/**
 * Most messages at QoS 2 in flight to an MQTT 3.1.1 broker, which cannot say how many it takes: Mosquitto's default.
 * Of what exceeded it, one of a hundred runs over a restart of Mosquitto 2.0.11 missed the first message; whose fault that
 * was is not settled.
 */
const USUAL_INFLIGHT = 20;
/** The publisher's session outlives a restart, so that QoS 2 stays exact, but not for ever, in s. */
const SESSION_EXPIRY = 3_600;

export = defineNode(declaration, (node) => {
  const { broker, publishTo, retain, expiry, waiting, waitingMegabytes, inFlight, clientId } = node.settings;
  const topic = publishTo === "" ? undefined : template(publishTo, "Topic");
  const form: PublishForm = {
    qos: Number(node.settings.qos) as 0 | 1 | 2,
    retain,
    expiry,
    topic: (record, message) => (topic ? topic.render(record) : (record.topic ?? message.topic)),
  };
  const window = broker.version === 4 && form.qos === 2 ? Math.min(inFlight, USUAL_INFLIGHT) : inFlight;
  let lastFault: string | undefined;
  const publisher = new Publisher(
    broker,
    { clientId: clientId || `${broker.clientId}-${node.id}`, persistent: true, expiry: SESSION_EXPIRY },
    { waiting, bytes: waitingMegabytes * 1024 * 1024, inFlight: window },
    {
      up() {
        lastFault = undefined;
        node.status("connected", "green");
      },
      down(reason) {
        const { unfinished } = publisher;
        if (reason.fault === "away" && unfinished > 0) node.status("waiting", "red", unfinished);
        else node.status(reason.fault, "red");
        if (lastFault !== reason.text) node.warn(`${reason.text}; trying again until it works`);
        lastFault = reason.text;
      },
    },
  );
  node.status("connecting", "yellow");

  const publish = async (record: Message, message: Message): Promise<void> =>
    publisher.publish(publicationOf(record, message, form));

  const publishAll = async (message: Message): Promise<void> => {
    const batch = batchOf(message);
    if (!batch) await publish(message, message);
    else {
      const results = await Promise.allSettled(
        batch.map(async (record, index) => publish(recordAt(index, record), message)),
      );
      const failed = results.flatMap((result, index) =>
        result.status === "rejected" ? [{ index, error: asError(result.reason) }] : [],
      );
      const [first] = failed;
      if (first)
        throw new BatchFailure(`${failed.length} of ${batch.length} records failed: ${first.error.message}`, failed);
    }
  };

  return {
    async receive(message) {
      // the embedded broker acknowledges when the flow behind it has finished, however long that takes
      const release = broker.attend && node.hold(message, { records: countOf(message), bytes: 0, counts: true });
      try {
        await publishAll(message);
      } finally {
        release?.();
      }
      node.send(message);
    },
    close: () => publisher.close(DRAIN),
  };
});
