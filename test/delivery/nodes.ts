/** Test-only nodes: a source under the ledger, sinks that finish late or fail, and nodes that can't call done. */
import type {
  DeadLetter,
  Delivery,
  DeliverySource,
  Emission,
  Failure,
  Message,
  SourceOptions,
  Tenure,
  Verdict,
} from "../../nodes/lib/delivery/contract";
import { deliveryOf } from "../../nodes/lib/delivery";
import { nodeRed, type Harness } from "../harness";

/** A tenure that goes on, unless said otherwise. */
export const assigned = (more: Partial<Tenure> = {}) => ({
  topic: "t",
  partition: 0,
  over: false,
  confirm: () => Promise.resolve(true),
  ...more,
});

export interface Outcome {
  readonly verdict: Verdict;
  readonly failure: Failure | undefined;
}

/** What the test keeps of one source node; survives redeploys of the node. */
export class SourceRecord {
  readonly outcomes = new Map<number, Outcome>();
  /** Tries by record. */
  readonly tries = new Map<number, number>();
  readonly deadLetters: DeadLetter[] = [];
  source: DeliverySource | undefined;
  running = false;

  /** Delivers record `id`; its message has the payload that `payload` makes, by default its number. */
  deliver(
    id: number,
    payload: (id: number) => unknown = (value) => value,
    extra: object = {},
    emission: Pick<Emission, "tenure"> = {},
  ): void {
    this.source?.deliver(
      {
        ...emission,
        records: 1,
        bytes: 100,
        message: () => {
          this.tries.set(id, (this.tries.get(id) ?? 0) + 1);
          return { topic: "test", payload: payload(id), record: id, ...extra };
        },
      },
      (verdict, failure) => {
        laboratory.onFinished?.(id, verdict);
        this.outcomes.set(id, { verdict, failure });
      },
    );
  }

  count(verdict: Verdict): number {
    let count = 0;
    for (const outcome of this.outcomes.values()) if (outcome.verdict === verdict) count += 1;
    return count;
  }
}

type Done = (error?: unknown) => void;
interface TestNode {
  id: string;
  type: string;
  send(message: unknown): void;
  error(error: unknown, message?: unknown): void;
  on(event: string, listener: (...parameters: never[]) => void): void;
}
interface Registry {
  createNode(node: unknown, settings: unknown): void;
  registerType(
    set: string,
    type: string,
    constructor: (this: TestNode, settings: Record<string, unknown>) => void,
  ): void;
}

export const laboratory = {
  delivery: undefined as Delivery | undefined,
  sources: new Map<string, SourceRecord>(),
  /** Messages that each sink has received, in order. */
  received: new Map<string, Message[]>(),
  options: {} as Partial<SourceOptions>,
  /** What a sink does with a message: by default it is done at once. */
  sink: undefined as ((id: string, message: Message, done: Done, node: TestNode) => void) | undefined,
  /** Whether a flaky node fails this time. */
  flaky: (): boolean => false,
  onFinished: undefined as ((record: number, verdict: Verdict) => void) | undefined,
  reset(): void {
    this.sources.clear();
    this.received.clear();
    this.options = {};
    this.flaky = () => false;
    this.sink = undefined;
    this.onFinished = undefined;
  },
  source(id: string): SourceRecord {
    let record = this.sources.get(id);
    if (record === undefined) this.sources.set(id, (record = new SourceRecord()));
    return record;
  },
  at(id: string): Message[] {
    let messages = this.received.get(id);
    if (messages === undefined) this.received.set(id, (messages = []));
    return messages;
  },
};

/** The shared Node-RED with the test nodes registered. */
export const runtimeWithTestNodes = async (): Promise<Harness> => {
  const harness = await nodeRed();
  if (laboratory.delivery === undefined) register(harness);
  return harness;
};

const register = (harness: Harness): void => {
  const delivery = deliveryOf(harness.RED as never);
  laboratory.delivery = delivery;
  const nodes = harness.RED.nodes as unknown as Registry;
  const type = (name: string, constructor: (this: TestNode, settings: Record<string, unknown>) => void): void =>
    nodes.registerType(`test/${name}`, name, constructor);

  type("test-source", function source(settings) {
    nodes.createNode(this, settings);
    const record = laboratory.source(this.id);
    const made = delivery.source(this, {
      retry: { attempts: 3, initialDelay: 5, maxDelay: 20 },
      timeout: 60_000,
      deadLetters: {
        write: (letters) => Promise.resolve(void record.deadLetters.push(...letters)),
        close: () => Promise.resolve(),
      },
      onFlows: (running) => (record.running = running),
      ...laboratory.options,
    });
    record.source = made;
    this.on("close", (done: () => void) => void made.close(Number(settings.drain ?? 0)).then(done));
  });

  type("test-sink", function sink(settings) {
    nodes.createNode(this, settings);
    this.on("input", (message: Message, _send: unknown, done: Done) => {
      laboratory.at(this.id).push(message);
      if (laboratory.sink === undefined) done();
      else laboratory.sink(this.id, message, done, this);
    });
  });

  type("test-one-argument", function oneArgument(settings) {
    nodes.createNode(this, settings);
    this.on("input", (message: Message) => {
      laboratory.at(this.id).push(message);
      if (settings.passes === "now") this.send(message);
      if (settings.passes === "later") setTimeout(() => this.send(message), 20);
    });
  });

  type("citystream-test-window", function window(settings) {
    nodes.createNode(this, settings);
    let inputs: { message: Message; done: Done; end: () => void }[] = [];
    const fire = (): void => {
      const fired = inputs;
      inputs = [];
      const token = delivery.tokenFor(fired.map(({ message }) => message));
      this.send({ payload: fired.map(({ message }) => message.payload), _delivery: token });
      for (const { done, end } of fired) {
        end();
        done();
      }
    };
    const relieve = (): void => {
      if (settings.closes === undefined) fire();
    };
    this.on("input", (message: Message, _send: unknown, done: Done) => {
      laboratory.at(this.id).push(message);
      inputs.push({ message, done, end: delivery.hold(this, message, { records: 1, bytes: 10, relieve }) });
      if (inputs.length === settings.size) fire();
    });
    this.on("close", (closed: () => void) => {
      setTimeout(
        () => {
          for (const { done } of inputs) done();
          closed();
        },
        settings.closes === undefined ? 0 : 200,
      );
    });
  });

  type("test-flaky", function flaky(settings) {
    nodes.createNode(this, settings);
    this.on("input", (message: Message, send: (message: Message) => void, done: Done) => {
      if (laboratory.flaky()) return done(new Error("flaky"));
      send(message);
      done();
    });
  });

  // Sends new messages, is done some time later, and forgets what it has when it is closed.
  type("test-forgets", function forgets(settings) {
    nodes.createNode(this, settings);
    const timers = new Set<NodeJS.Timeout>();
    const soon = (work: () => void): void => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        work();
      }, Math.random() * 4);
      timers.add(timer);
    };
    this.on("input", ({ payload, topic, record }: Message, send: (message: Message) => void, done: Done) => {
      soon(() => {
        send({ payload, topic, record });
        soon(done);
      });
    });
    this.on("close", () => timers.forEach((timer) => clearTimeout(timer)));
  });

  type("test-twins", function twins(settings) {
    nodes.createNode(this, settings);
    this.on("input", (message: Message, send: (message: Message) => void, done: Done) => {
      send(message);
      send(message);
      done();
    });
  });

  type("test-throws", function throws(settings) {
    nodes.createNode(this, settings);
    this.on("input", (_message: Message, _send: unknown, _done: Done) => {
      throw new Error("thrown at once");
    });
  });

  type("test-deaf", function deaf(settings) {
    nodes.createNode(this, settings);
  });
};
