/**
 * The main flow on a machine without Kafka: link nodes stand where Kafka would, under the same delivery ledger. They are
 * no imitation of a broker: nothing is kept, and a record is acknowledged at its first source when all readers finished.
 */

export type FlowNode = { id: string; type: string } & Record<string, unknown>;

/** Where records that a `kafka out` would write leave for every `kafka in`. */
const outOf = (id: string): string => `${id}-link`;

/** Computes what the topic template says and hands the record to the links. */
function writer(node: FlowNode): FlowNode {
  const template = String(node["topic"] ?? "");
  return {
    ...common(node),
    type: "function",
    func: [
      `// Stands where Kafka would: names the topic and passes the record on.`,
      `const template = ${JSON.stringify(template)};`,
      `const find = (path) => RED.util.getMessageProperty(msg, path.trim());`,
      `const topic = template ? template.replace(/\\{\\{(.+?)\\}\\}/g, (_, path) => String(find(path))) : String(msg.topic);`,
      `const record = { ...msg, source: { kind: "link", topic, partition: 0 } };`,
      `return [record, msg];`,
    ].join("\n"),
    outputs: 2,
    wires: [[outOf(node.id)], firstWires(node)],
  };
}

/** Lets through the records of the topics that a `kafka in` reads. */
function reader(node: FlowNode): FlowNode {
  return {
    ...common(node),
    id: `${node.id}-topics`,
    type: "function",
    func: [
      `// Stands where Kafka would: lets through the topics that this group reads.`,
      `const wanted = ${JSON.stringify(topicsOf(node))};`,
      `const topic = msg.source.topic;`,
      `const reads = (name) => name.length > 1 && name.startsWith("/") && name.endsWith("/")`,
      `    ? new RegExp("^(?:" + name.slice(1, -1) + ")$").test(topic) : name === topic;`,
      `return wanted.some(reads) ? msg : null;`,
    ].join("\n"),
    outputs: 1,
    wires: [firstWires(node)],
  };
}

const topicsOf = (node: FlowNode): string[] =>
  String(node["topics"] ?? "")
    .split(/[,\n]/u)
    .map((name) => name.trim())
    .filter((name) => name !== "");

const firstWires = (node: FlowNode): string[] => (node["wires"] as string[][] | undefined)?.[0] ?? [];

const common = ({ id, z, name, x, y }: FlowNode): FlowNode => ({ id, z, name, x, y, type: "" });

/**
 * @param flow nodes as in a flow file
 * @returns the flow with each `kafka out` as a function before a link out, and each `kafka in` as a link in before a
 * function; everything else as it was
 */
export function withoutKafka(flow: readonly FlowNode[]): FlowNode[] {
  const readers = flow.filter((node) => node.type === "citystream-kafka-in" && node["d"] !== true);
  const writers = flow.filter((node) => node.type === "citystream-kafka-out");
  return flow.flatMap((node) => {
    const x = Number(node["x"] ?? 0);
    const y = Number(node["y"] ?? 0);
    if (writers.includes(node)) {
      const links = readers.map(({ id }) => id);
      const out: FlowNode = {
        id: outOf(node.id),
        type: "link out",
        z: node["z"],
        name: "",
        mode: "link",
        links,
        x: x + 180,
        y: y - 20,
        wires: [],
      };
      return [writer(node), out];
    }
    if (readers.includes(node)) {
      const from = writers.map(({ id }) => outOf(id));
      const link: FlowNode = {
        ...common(node),
        type: "link in",
        links: from,
        x: x - 120,
        wires: [[`${node.id}-topics`]],
      };
      return [link, reader(node)];
    }
    return [node];
  });
}
