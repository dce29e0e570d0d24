/**
 * Have the random flows teeth? A program that breaks one rule of the ledger at a time, in the compiled code of a child
 * process, and lets random flows run until they notice. It fails when they don't.
 *
 * `node dist/test/delivery/mutants.js [flows] [words of the mutant's name]`
 */
import { execFile } from "node:child_process";
import Module from "node:module";
import path from "node:path";

interface Mutant {
  readonly name: string;
  /** Under dist/nodes/lib/delivery. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const MUTANTS: readonly Mutant[] = [
  {
    name: "no merge: what a join swallows is done",
    file: "tracking.js",
    from: "(0, merge_1.merge)(this.ledger, place, delivered, this.sent.slice(0, this.sents));",
    to: ";",
  },
  {
    name: "settles at once, not a turn later",
    file: "ledger.js",
    from: "this.ended.push(token);",
    to: "token.queued = false; this.settle(token); return;",
  },
  {
    name: "believes what closing nodes say",
    file: "deploy.js",
    from: "if (place.closed)",
    to: "if (false)",
  },
  {
    name: "forgets what closed nodes held",
    file: "tracking.js",
    from: "for (const delivered of place.all())\n            this.lose(place, delivered);",
    to: "for (const delivered of place.all()) this.complete(place, delivered);",
  },
  {
    name: "never ends what closed nodes held",
    file: "tracking.js",
    from: "for (const delivered of place.all())\n            this.lose(place, delivered);",
    to: ";",
  },
  {
    name: "sees no missing destination while flows start",
    file: "deploy.js",
    from: "this.tracking.miss(node, msg);",
    to: ";",
  },
  {
    name: "adopts no message without token",
    file: "tracking.js",
    from: "message[contract_1.TOKEN] = token.id;",
    to: ";",
  },
  {
    name: "takes the first held token for any message without one",
    file: "tracking.js",
    from: "if (!several)",
    to: "if (true)",
  },
  {
    name: "ignores reported errors",
    file: "node-errors.js",
    from: "if (token.deliveries === before)",
    to: "if (false)",
  },
  { name: "ignores Catch nodes", file: "node-errors.js", from: "if (token.deliveries === before)", to: "if (true)" },
  {
    name: "leaves switches undone",
    file: "adapters.js",
    from: "tracking.complete(place, delivered);\n    };",
    to: "};",
  },
  {
    name: "ends a switch before it sends",
    file: "adapters.js",
    from: "inner.call(node, sent);\n        judged(sent);",
    to: "judged(sent); setImmediate(() => inner.call(node, sent));",
  },
  {
    name: "does not count messages under way",
    file: "ledger.js",
    from: "token.deliveries += 1;\n        this.add(token);\n        this.link(delivered);\n        return delivered;",
    to: "token.deliveries += 1; this.link(delivered); token.count += delivered.from === undefined ? 1 : 0; delivered.over = delivered.from !== undefined; return delivered;",
  },
  {
    name: "composites settle only their first token",
    file: "ledger.js",
    from: "for (const child of children) {\n                if (child.settled)\n                    continue;",
    to: "for (const child of [...children].slice(0, 1)) { if (child.settled) continue;",
  },
  {
    name: "the failure of a composite is nobody's",
    file: "ledger.js",
    from: "if (failure !== undefined)\n                    this.fail(child",
    to: "if (false)\n                    this.fail(child",
  },
  {
    name: "direct hand-overs (Catch, Complete, link call) are not counted",
    file: "tracking.js",
    from: "delivered = this.ledger.enter(token, place, message, undefined);",
    to: "return;",
  },
  {
    name: "two sends of one object are one",
    file: "line.js",
    from: "push(delivered) {",
    to: "push(delivered) { for (const one of this) if (one.message === delivered.message) { delivered.token.count -= 1; delivered.over = true; break; }",
  },
  {
    name: "subflows never finish",
    file: "place.js",
    from: 'node.type === "rbe" || subflow ? "return" : "sync"',
    to: 'node.type === "rbe" || subflow ? "send" : "sync"',
  },
];

const CHOSEN = "CITYSTREAM_MUTANT";

/** In the child: changes the code of one file as it is loaded. */
const mutate = ({ file, from, to }: Mutant): void => {
  const suffix = path.join("dist/nodes/lib/delivery", file);
  const prototype = Module.prototype as unknown as {
    _compile(this: unknown, content: string, name: string, ...more: unknown[]): unknown;
  };
  const { _compile } = prototype;
  prototype._compile = function compile(content, name, ...more) {
    if (!name.endsWith(suffix)) return _compile.call(this, content, name, ...more);
    if (!content.includes(from)) throw new Error(`the mutant's text is not in ${file}: ${from}`);
    return _compile.call(this, content.replace(from, to), name, ...more);
  };
};

const run = async (): Promise<void> => {
  const flows = process.argv[2] ?? "300";
  const words = process.argv[3] ?? "";
  const mocha = path.resolve(__dirname, "../../../node_modules/mocha/bin/mocha.js");
  let survivors = 0;
  for (const { name } of MUTANTS) {
    if (!name.includes(words)) continue;
    const begun = performance.now();
    const output = await new Promise<string | undefined>((resolve) => {
      execFile(
        process.execPath,
        ["--require", __filename, mocha, path.join(__dirname, "random-flows.test.js")],
        { env: { ...process.env, [CHOSEN]: name, CITYSTREAM_RANDOM_FLOWS: flows, CITYSTREAM_PATIENCE: "6000" } },
        (error, stdout, stderr) => resolve(error === null ? undefined : stdout + stderr),
      );
    });
    const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
    if (output === undefined) survivors += 1;
    const seed = /seed (\d+), /u.exec(output ?? "")?.[1];
    const what = /^[+-] +'(?<what>.*)',?$/mu.exec(output ?? "")?.groups?.["what"];
    const said =
      output === undefined
        ? `NOT CAUGHT in ${flows} flows`
        : seed === undefined
          ? `no verdict: ${output.slice(-600)}`
          : `caught by flow ${seed}: ${what?.slice(0, 90)}`;
    console.log(`${name} — ${said} (${seconds} s)`);
  }
  if (survivors > 0) process.exitCode = 1;
};

const chosen = MUTANTS.find(({ name }) => name === process.env[CHOSEN]);
if (chosen !== undefined) mutate(chosen);
else if (require.main === module)
  run().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
