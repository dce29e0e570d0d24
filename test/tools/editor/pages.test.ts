import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { runInNewContext } from "node:vm";
import { packNodes, type PackNode } from "../../../tools/editor/nodes";

interface Property {
  value: unknown;
  type?: string;
  required?: boolean;
  validate?: (this: unknown, value: unknown, options?: unknown) => true | string;
}
interface Registered {
  type: string;
  definition: { category: string; defaults: Record<string, Property>; credentials?: Record<string, unknown> };
}

/** What the page of a node registers when a browser runs its script. */
function registered({ set, output }: PackNode): Registered {
  const page = readFileSync(path.join(output, `${set}.html`), "utf8");
  const script = /<script type="text\/javascript">([^]*?)<\/script>/u.exec(page)?.[1] ?? "";
  const found: Registered[] = [];
  const RED = {
    nodes: {
      registerType: (type: string, definition: Registered["definition"]) => found.push({ type, definition }),
      node: () => null,
    },
  };
  runInNewContext(script, { RED });
  assert.equal(found.length, 1);
  return found[0] as Registered;
}

/** What `this` is in a validator: the node, its words found by key. */
const nodeWith = (settings: Record<string, unknown>): unknown => ({ ...settings, _: (key: string) => key });

describe("the generated pages", () => {
  for (const node of packNodes()) {
    const { declaration, set } = node;
    it(`register ${set} with every setting of its declaration, secrets as credentials only`, () => {
      const { type, definition } = registered(node);
      assert.equal(type, declaration.type);
      for (const [name, field] of Object.entries(declaration.fields)) {
        assert.equal(Object.hasOwn(definition.credentials ?? {}, name), field.kind === "secret", name);
        assert.equal(Object.hasOwn(definition.defaults, name), field.kind !== "secret", name);
      }
    });

    it(`find ${set}'s own defaults right, unless the user has to choose`, () => {
      const { definition } = registered(node);
      const defaults = Object.fromEntries(
        Object.entries(definition.defaults).map(([name, { value }]) => [name, value]),
      );
      for (const [name, { value, validate }] of Object.entries(definition.defaults)) {
        if (!validate) continue;
        assert.equal(validate.length, 2, `${name}: with one parameter Node-RED takes a message for "valid"`);
        const field = declaration.fields[name];
        const answer = validate.call(nodeWith(defaults), value, {});
        const shown = !field?.showIf || field.showIf.is.includes(defaults[field.showIf.field] as string | boolean);
        const required = field !== undefined && "required" in field && field.required;
        const chooses = shown && required && (value === "" || value === undefined);
        assert.equal(answer === true, !chooses, `${name}: ${String(answer)}`);
      }
    });
  }

  it("say why a number is wrong, and leave environment variables to the runtime", () => {
    const kafkaIn = packNodes().find(({ set }) => set === "kafka-in");
    assert.ok(kafkaIn);
    const { spanRecords } = registered(kafkaIn).definition.defaults;
    const judge = (value: unknown) => spanRecords?.validate?.call(nodeWith({}), value, {});
    assert.equal(judge("100"), true);
    assert.equal(judge("${SPAN}"), true);
    assert.match(String(judge("many")), /notANumber/u);
    assert.match(String(judge("1.5")), /notWhole/u);
    assert.match(String(judge("0")), /tooSmall.* 1/u);
    assert.match(String(judge("")), /required/u);
  });

  it("name the field with what is wrong, as the editor shows nothing else", () => {
    const kafkaIn = packNodes().find(({ set }) => set === "kafka-in");
    assert.ok(kafkaIn);
    const { spanRecords, cluster, topics } = registered(kafkaIn).definition.defaults;
    for (const [name, property] of Object.entries({ spanRecords, cluster, topics }))
      assert.match(
        String(property?.validate?.call(nodeWith({}), "", {})),
        new RegExp(`^kafka-in\\.field\\.${name}: `, "u"),
      );
  });

  it("do not check what the form hides", () => {
    const kafkaIn = packNodes().find(({ set }) => set === "kafka-in");
    assert.ok(kafkaIn);
    const { batchRecords } = registered(kafkaIn).definition.defaults;
    assert.equal(batchRecords?.validate?.call(nodeWith({ mode: "record" }), "x", {}), true);
    assert.notEqual(batchRecords?.validate?.call(nodeWith({ mode: "batch" }), "x", {}), true);
  });
});
