/** The example of the fraud rules: labelled transactions of a few customers, judged, and what was found of the fraud. */
import { declaration } from "../nodes/transform/fraud-rules/declaration";
import { labelled, type Labelled } from "./fraud-data";
import { score } from "./fraud-score";

const SHAPE = { seed: 4, customers: 7, days: 21, episodes: 1 };
const COLUMNS = "time,card,amount,merchant,category,country,lat,lon,label";
const NAME = "fraud-rules";
const id = (name: string): string => `${NAME}-${name}`;

export const exampleRecords = (): Labelled[] => labelled(SHAPE);

const rowOf = ({ timestamp, label, payload }: Labelled): string => {
  const { card, amount, merchant, category, country, lat, lon } = payload;
  return [timestamp, card, amount, merchant, category, country, lat ?? "", lon ?? "", label].join(",");
};

const BATCH = `msg.payload = msg.payload.map(({ time, label, ...payload }) => ({ payload, timestamp: time, label }));
return msg;`;

const TALLY = `const tally = context.get("tally") || { transactions: 0, fraudulent: 0, challenged: 0, blocked: 0, right: 0 };
for (const { label, decision } of msg.payload) {
    const held = decision.action !== "pass";
    const fraud = label !== "legitimate";
    tally.transactions++;
    if (fraud) tally.fraudulent++;
    if (decision.action === "challenge") tally.challenged++;
    if (decision.action === "block") tally.blocked++;
    if (held && fraud) tally.right++;
}
context.set("tally", tally);
const challenged = msg.payload.filter(({ decision }) => decision.action === "challenge");
if (challenged.length > 0) flow.set("challenged", challenged[challenged.length - 1]);
const held = tally.challenged + tally.blocked;
msg.payload = { ...tally, precision: tally.right / (held || 1), recall: tally.right / (tally.fraudulent || 1) };
node.status({ text: held + " of " + tally.transactions + " held back, " + tally.right + " rightly" });
return msg;`;

const FEEDBACK = `const transaction = flow.get("challenged");
if (!transaction) return null;
node.status({ text: transaction.payload.card + ", " + transaction.payload.amount });
return { ...transaction, action: "feedback", verdict: "legitimate" };`;

/** As the editor stores a node that was dragged from the palette. */
const defaults = Object.fromEntries(
  Object.entries(declaration.fields).map(([name, field]) => [name, field.default] as const),
);

/** The flow as the file holds it; its comment states what the rules find. */
export function exampleFlow(): string {
  const records = exampleRecords();
  const { transactions, fraudulent, held, blocked } = score(records);
  const percent = (part: number): string => `${Math.round(100 * part)} %`;
  const figures =
    `Of ${transactions} transactions ${fraudulent} are fraud, of five kinds. Challenge and block together find ${percent(held.recall)} of them, ` +
    `and ${percent(held.precision)} of what they hold back is fraud; block alone ${percent(blocked.recall)} and ${percent(blocked.precision)}. ` +
    "Fraud is found from what came before, so the first small amounts of a series pass. Deploy anew before a second run: the node remembers the first. " +
    "Feedback: the customer confirms the payment that was challenged last, and it becomes part of their habits. " +
    "The transactions are made up, by bench/fraud-data.ts of the repository.";
  const at = (x: number, y: number) => ({ z: id("tab"), x, y });
  const inject = (name: string, words: string, y: number, to: string) => ({
    id: id(name),
    type: "inject",
    name: words,
    props: [{ p: "payload" }],
    repeat: "",
    crontab: "",
    once: false,
    onceDelay: "0.1",
    topic: "",
    payload: "",
    payloadType: "date",
    ...at(150, y),
    wires: [[id(to)]],
  });
  const func = (name: string, words: string, code: string, x: number, y: number, to: readonly string[]) => ({
    id: id(name),
    type: "function",
    name: words,
    func: code,
    outputs: 1,
    timeout: "",
    noerr: 0,
    initialize: "",
    finalize: "",
    libs: [],
    ...at(x, y),
    wires: [to.map(id)],
  });
  const debug = (name: string, words: string, complete: string, y: number) => ({
    id: id(name),
    type: "debug",
    name: words,
    active: true,
    tosidebar: true,
    console: false,
    tostatus: false,
    complete,
    targetType: complete === "true" ? "full" : "msg",
    statusVal: "",
    statusType: "auto",
    ...at(1200, y),
    wires: [],
  });
  const flow = [
    { id: id("tab"), type: "tab", label: "fraud rules", disabled: false, info: "" },
    {
      id: id("comment"),
      type: "comment",
      name: "Card transactions leave by pass, challenge and block, with reasons",
      info: figures,
      ...at(300, 40),
      wires: [],
    },
    inject("go", "three weeks of payments", 160, "data"),
    {
      id: id("data"),
      type: "template",
      name: "labelled transactions",
      field: "payload",
      fieldType: "msg",
      format: "text",
      syntax: "plain",
      template: `${COLUMNS}\n${records.map(rowOf).join("\n")}\n`,
      output: "str",
      ...at(420, 220),
      wires: [[id("csv")]],
    },
    {
      id: id("csv"),
      type: "csv",
      name: "",
      spec: "rfc",
      sep: ",",
      hdrin: true,
      hdrout: "none",
      multi: "mult",
      ret: "\\n",
      temp: "",
      skip: "0",
      strings: true,
      include_empty_strings: "",
      include_null_values: "",
      ...at(150, 280),
      wires: [[id("batch")]],
    },
    func("batch", "one batch", BATCH, 560, 280, ["rules"]),
    {
      id: id("rules"),
      type: "citystream-fraud-rules",
      name: "",
      ...defaults,
      // Its transactions are the same at each click, and begin with customers that nobody knows.
      stateKept: "memory",
      ...at(790, 220),
      wires: [[id("tally")], [id("tally"), id("challenged")], [id("tally"), id("blocked")]],
    },
    func("tally", "what was found", TALLY, 1000, 140, ["found"]),
    debug("found", "found", "payload", 140),
    debug("challenged", "challenged", "true", 220),
    debug("blocked", "blocked", "true", 280),
    inject("yes", "the customer: it was me", 360, "feedback"),
    func("feedback", "feedback", FEEDBACK, 600, 360, ["rules"]),
  ];
  return `${JSON.stringify(flow, null, 2)}\n`;
}
