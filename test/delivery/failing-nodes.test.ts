/** How every kind of node reports that it failed, and what becomes of the record: waits, is tried again, or is dead at once. */
import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import { BatchFailure, Rejected } from "../../nodes/lib/errors";
import { until, type FlowNode, type Harness } from "../harness";
import { change, fn, sink } from "./builders";
import { flowOf } from "./flow";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "./nodes";

type Fate = "waits" | "is tried again" | "is a dead letter at once" | "is taken for treated";
type Ports = { readonly closed: number; readonly server: number };
type Act = NonNullable<typeof laboratory.sink>;

const request = (url: string, more: object = {}): FlowNode => ({
  id: "a",
  type: "http request",
  method: "GET",
  ret: "txt",
  paytoqs: "ignore",
  senderr: true,
  url,
  wires: [["k"]],
  ...more,
});
const coded = (code: string): Error => Object.assign(new Error("failed"), { code });
const nowhere = path.join(tmpdir(), "citystream-nowhere", "at", "all");

/** Core nodes: what the source is wired to, and what the error says. */
const CORE: readonly (readonly [
  what: string,
  fate: Fate,
  nodes: (ports: Ports) => FlowNode[],
  cause: RegExp | undefined,
  payload?: unknown,
])[] = [
  ["http request, refused", "waits", ({ closed }) => [request(`http://127.0.0.1:${closed}/`)], /ECONNREFUSED/u],
  [
    "http request, refused, that sends errors on as well",
    "waits",
    ({ closed }) => [request(`http://127.0.0.1:${closed}/`, { senderr: false })],
    /ECONNREFUSED/u,
  ],
  ["http request, a host that DNS does not know", "waits", () => [request("http://nowhere.invalid/")], undefined],
  ["http request, cut off", "waits", ({ server: port }) => [request(`http://127.0.0.1:${port}/cut`)], undefined],
  [
    "http request, 503: any answer is sent on, whatever its status and the box for errors say",
    "is taken for treated",
    ({ server: port }) => [request(`http://127.0.0.1:${port}/503`)],
    undefined,
  ],
  [
    "http request, 503, that a function makes an error of",
    "waits",
    ({ server: port }) => [
      request(`http://127.0.0.1:${port}/503`, { wires: [["b"]] }),
      fn("b", "if (msg.statusCode >= 300) throw new Error(`status ${msg.statusCode}`); return msg;", [["k"]]),
    ],
    undefined,
  ],
  [
    "http request, 422, that a function makes an error of",
    "is a dead letter at once",
    ({ server: port }) => [
      request(`http://127.0.0.1:${port}/422`, { wires: [["b"]] }),
      fn("b", "if (msg.statusCode >= 300) throw new Error(`status ${msg.statusCode}`); return msg;", [["k"]]),
    ],
    /422/u,
  ],
  ["function, throw", "is tried again", () => [fn("a", "throw new Error('no such site');", [["k"]])], /no such site/u],
  ["function, throw of a text", "is tried again", () => [fn("a", "throw 'no such site';", [["k"]])], /no such site/u],
  ["function, done(error)", "is tried again", () => [fn("a", "node.done('no such site');", [["k"]])], undefined],
  [
    "function, an asynchronous throw",
    "is tried again",
    () => [fn("a", "await new Promise((go) => setTimeout(go, 1)); throw new Error('late');", [["k"]])],
    /late/u,
  ],
  ["function, node.error", "is tried again", () => [fn("a", "node.error('bad', msg);", [["k"]])], /bad/u],
  ["function, a mistake in it", "is tried again", () => [fn("a", "return msg.payload.x.y;", [["k"]])], /undefined/u],
  [
    "function, an error of a client with its code",
    "waits",
    () => [fn("a", "throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });", [["k"]])],
    undefined,
  ],
  [
    "function, an error named Rejected",
    "is a dead letter at once",
    () => [fn("a", "const e = new Error('never'); e.name = 'Rejected'; throw e;", [["k"]])],
    /never/u,
  ],
  [
    "file in, no such file",
    "is tried again",
    () => [{ id: "a", type: "file in", filename: nowhere, filenameType: "str", format: "utf8", wires: [["k"]] }],
    /ENOENT/u,
  ],
  [
    "file, a folder that is not there",
    "is tried again",
    () => [
      {
        id: "a",
        type: "file",
        filename: nowhere,
        filenameType: "str",
        overwriteFile: "true",
        appendNewline: false,
        createDir: false,
        wires: [["k"]],
      },
    ],
    /ENOENT/u,
  ],
  [
    "json, no JSON",
    "is tried again",
    () => [{ id: "a", type: "json", property: "payload", wires: [["k"]] }],
    /JSON/u,
    "{no",
  ],
  [
    "xml, no XML",
    "is tried again",
    () => [{ id: "a", type: "xml", property: "payload", wires: [["k"]] }],
    undefined,
    "<a><b>",
  ],
  [
    "yaml, no YAML",
    "is tried again",
    () => [{ id: "a", type: "yaml", property: "payload", wires: [["k"]] }],
    undefined,
    "a: [1",
  ],
  [
    "template, an open section",
    "is tried again",
    () => [
      {
        id: "a",
        type: "template",
        field: "payload",
        fieldType: "msg",
        format: "handlebars",
        syntax: "mustache",
        template: "{{#site}}",
        output: "str",
        wires: [["k"]],
      },
    ],
    /section/iu,
  ],
  [
    "change, a JSONata error",
    "is tried again",
    () => [change([{ t: "set", p: "payload", pt: "msg", to: "$number('x')", tot: "jsonata" }])],
    undefined,
  ],
  [
    "exec, a program that ends with a code: on its third output alone",
    "is taken for treated",
    () => [
      {
        id: "a",
        type: "exec",
        command: "exit 3",
        addpay: "",
        append: "",
        useSpawn: "false",
        timer: "",
        wires: [[], [], ["k"]],
      },
    ],
    undefined,
  ],
];

/** Nodes of other packs, and what this pack's own report. */
const OTHERS: readonly (readonly [what: string, fate: Fate, act: Act])[] = [
  ["done with an error", "is tried again", (_id, _message, done) => done(new Error("no"))],
  ["done with a text", "is tried again", (_id, _message, done) => done("no")],
  ["done with a driver's error", "waits", (_id, _message, done) => done(coded("ETIMEDOUT"))],
  [
    "done with an object that has a code",
    "waits",
    (_id, _message, done) => done({ message: "no", code: "ECONNREFUSED" }),
  ],
  ["done with an object that has a status", "is a dead letter at once", (_id, _message, done) => done({ status: 422 })],
  [
    "done with a refusal in an HTTP client's way",
    "is a dead letter at once",
    (_id, _message, done) =>
      done(Object.assign(new Error("Request failed with status code 400"), { response: { status: 400 } })),
  ],
  [
    "done with a BatchFailure of refusals",
    "is a dead letter at once",
    (_id, _message, done) => done(new BatchFailure("1 of 1", [{ index: 0, error: new Rejected("no such field") }])),
  ],
  [
    "node.error, then done",
    "is tried again",
    (_id, message, done, node) => {
      node.error(new Error("no"), message);
      done();
    },
  ],
  [
    "node.error with a driver's error, then done",
    "waits",
    (_id, message, done, node) => {
      node.error(coded("EHOSTUNREACH"), message);
      done();
    },
  ],
  ["node.error and never done", "is tried again", (_id, message, _done, node) => node.error(new Error("no"), message)],
  [
    "a throw in its handler",
    "is tried again",
    () => {
      throw new Error("thrown");
    },
  ],
  [
    "node.error without the message: it does not say which",
    "is taken for treated",
    (_id, _message, done, node) => {
      node.error(new Error("no"));
      done();
    },
  ],
];

describe("a record at a node that fails", function failingNodes() {
  this.timeout(120_000);
  let runtime: Harness;
  let server: http.Server;
  let ports: Ports;
  before(async () => {
    runtime = await runtimeWithTestNodes();
    server = http.createServer((incoming, response) => {
      if (incoming.url === "/cut") return void incoming.socket.destroy();
      response.statusCode = Number(incoming.url?.slice(1));
      response.end("no");
    });
    const listening = (one: http.Server) => new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
    await listening(server);
    const gone = http.createServer();
    await listening(gone);
    ports = { closed: (gone.address() as AddressInfo).port, server: (server.address() as AddressInfo).port };
    await new Promise((resolve) => gone.close(resolve));
  });
  beforeEach(() => laboratory.reset());
  after(async () => {
    await runtime?.deploy([]);
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  });

  const meets = async (fate: Fate, nodes: FlowNode[], payload?: unknown): Promise<SourceRecord> => {
    await runtime.deploy(flowOf(nodes));
    const source = laboratory.source("s");
    source.deliver(1, () => payload ?? 1);
    const state = (): unknown => ({
      tries: source.tries.get(1),
      outcome: source.outcomes.get(1),
      letters: source.deadLetters,
    });
    if (fate === "waits") {
      // Three is the number of tries that this source has.
      await until("it is tried beyond all tries", () => (source.tries.get(1) ?? 0) > 5, 15_000, state);
      assert.deepEqual([source.outcomes.size, source.deadLetters], [0, []]);
      return source;
    }
    await until("it ended", () => source.outcomes.size === 1, 15_000, state);
    assert.equal(
      source.outcomes.get(1)?.verdict,
      fate === "is taken for treated" ? "delivered" : "dead-lettered",
      inspect(state(), { depth: 3 }),
    );
    if (fate === "is taken for treated") assert.equal(source.tries.get(1), 1);
    else assert.equal(source.deadLetters[0]?.attempts, fate === "is tried again" ? 3 : 1);
    return source;
  };

  for (const [what, fate, nodes, cause, payload] of CORE)
    it(`${fate}: ${what}`, async () => {
      const source = await meets(fate, [...nodes(ports), sink()], payload);
      if (fate === "waits" || cause === undefined) return;
      assert.match(source.deadLetters[0]?.error.message ?? "", cause);
      assert.ok(["a", "b"].includes(source.deadLetters[0]?.node?.id ?? ""));
    });

  for (const [what, fate, act] of OTHERS)
    it(`${fate}: ${what}`, async () => {
      laboratory.sink = act;
      const source = await meets(fate, [change([]), sink()]);
      for (const { error } of source.deadLetters) assert.notEqual(error.message, "[object Object]");
    });
});
