/** Tries a broker once and says what it found or what is wrong. */
import { asError, Retriable } from "../errors";
import { clientOptions, hearStream, type Broker } from "./connection";
import { mqttjs } from "./mqttjs";
import { closedUnanswered, notMqtt, reasonOf, type Reason } from "./reasons";

export interface ProbeResult {
  /** "5" or "3.1.1" */
  readonly version: string;
  /** What the broker says of itself in $SYS/broker/version; empty when it does not. */
  readonly product: string;
  readonly milliseconds: number;
}

/** How long the broker may take to say what it is, in ms; many never do. */
const INTRODUCTION = 500;

/** Connects, asks the broker what it is, and disconnects. @throws Retriable with the reason. */
export async function probeBroker(broker: Broker): Promise<ProbeResult> {
  const started = Date.now();
  // never the client id of a running node: the broker would disconnect it
  const clientId = `${broker.clientId}-test-${Math.random().toString(36).slice(2, 10)}`;
  const options = clientOptions(broker, { clientId, persistent: false, expiry: 0 });
  const client = mqttjs().connect(broker.address, { ...options, reconnectPeriod: 0, reconnectOnConnackError: false });
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (reason: Reason): void => reject(new Retriable(reason.text));
      client.once("connect", () => resolve());
      client.on("error", (error) => {
        const { code } = error as { code?: unknown };
        const fromParser = code === undefined && !client.stream.destroyed;
        fail(fromParser ? notMqtt(broker.address, error) : reasonOf(error, broker.address));
      });
      hearStream(client, (error) => fail(reasonOf(error, broker.address)));
      client.once("close", () => fail(closedUnanswered(broker.address)));
    });
    const milliseconds = Date.now() - started;
    const product = await new Promise<string>((resolve, reject) => {
      const silent = setTimeout(() => resolve(""), INTRODUCTION);
      client.once("message", (_topic, payload) => {
        clearTimeout(silent);
        resolve(payload.toString().slice(0, 60));
      });
      client.subscribe("$SYS/broker/version", (error) => {
        if (!error) return;
        clearTimeout(silent);
        if (client.connected) resolve("");
        else reject(asError(error));
      });
    });
    return { version: broker.version === 5 ? "5" : "3.1.1", product, milliseconds };
  } finally {
    client.end(true);
  }
}
