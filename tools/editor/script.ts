/** The inline script that registers a node in the editor. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Declaration } from "../../nodes/lib/declare";
import type { ConfigNodeField, Field, Fields, RowsField, TextField } from "../../nodes/lib/fields";
import { prefixOf } from "./form";
import type { PackNode } from "./nodes";
import { snippetsFor } from "./snippets";

const COLOURS: Readonly<Record<string, string>> = {
  source: "#7FC8BE",
  transform: "#F2C879",
  sink: "#9DB9E8",
  control: "#D5B5DC",
};

/** `<script>…RED.nodes.registerType(…)…</script>` with literal values only. */
export function scriptOf({ set, declaration, source }: PackNode): string {
  const fields = Object.entries<Field>(declaration.fields);
  const config = declaration.group === "config";
  const lines = [
    `category: ${config ? '"config"' : '"citystream"'},`,
    ...(config ? [] : [`color: ${literal(COLOURS[declaration.group])},`]),
    `defaults: {\n${defaultsOf(set, declaration, fields)}        },`,
    ...credentialsOf(fields),
    ...(config ? [] : portsOf(set, declaration)),
    ...(declaration.view ? [`button: { onclick: function() { citystreamView(this, "${set}"); } },`] : []),
    `paletteLabel: function() { return this._("${set}.label"); },`,
    `label: function() { return this.name${chosenLabel(declaration)} || this._("${set}.label"); },`,
    `labelStyle: function() { return this.name ? "node_label_italic" : ""; },`,
    ...handlersOf(set, declaration, fields),
  ];
  const registration = `    RED.nodes.registerType(${literal(declaration.type)}, {
        ${lines.join("\n        ").replace(/,$/u, "")}
    });`;
  return `<script type="text/javascript">
(function() {
${snippetsFor(registration)}${declaration.view ? viewOf(source) : ""}${registration}
})();
</script>`;
}

/** What the user has chosen tells nodes apart; what every new node has does not. */
function chosenLabel({ labelFrom, fields, group }: Declaration): string {
  if (!labelFrom) return "";
  const field = fields[labelFrom];
  const usual = field && "default" in field && group !== "config" ? field.default : "";
  const chosen = usual === "" ? `this.${labelFrom}` : `(this.${labelFrom} !== ${literal(usual)} && this.${labelFrom})`;
  return ` || ${chosen}`;
}

/** The functions of a node's own view, part by part. */
const viewOf = (source: string): string => {
  const folder = path.join(source, "view");
  const parts = readdirSync(folder).sort();
  return parts.map((name) => indented(readFileSync(path.join(folder, name), "utf8"))).join("");
};

const indented = (code: string): string => `${code.trim().replaceAll(/^(?=.)/gmu, "    ")}\n`;

const literal = (value: unknown): string => JSON.stringify(value).replaceAll("</", "<\\/");

function defaultsOf(set: string, declaration: Declaration, fields: [string, Field][]): string {
  const lines = [`name: { value: "" }`];
  for (const [name, field] of fields) {
    if (field.kind === "secret") continue;
    lines.push(`${name}: ${defaultOf(set, name, field, declaration.fields)}`);
    if (field.kind === "typed") lines.push(`${name}Type: { value: ${literal(field.defaultType)} }`);
  }
  if (declaration.outputsFrom) {
    const rows = declaration.fields[declaration.outputsFrom] as RowsField;
    lines.push(`outputs: { value: ${rows.default.length} }`);
  }
  return lines
    .map((line) => `            ${line},\n`)
    .join("")
    .replace(/,\n$/u, "\n");
}

/** Statements that take any value while the field is hidden, itself or with the one that it depends on. */
function unlessHidden({ showIf }: Field, fields: Fields): string {
  if (!showIf) return "";
  const { field, is } = showIf;
  const controller = fields[field];
  return `${controller ? unlessHidden(controller, fields) : ""}if (${literal(is)}.indexOf(this.${field}) < 0) { return true; } `;
}

function defaultOf(set: string, name: string, field: Field, fields: Fields): string {
  switch (field.kind) {
    case "config":
      if (field.required) return configNode(set, name, field, fields);
      return `{ value: "", type: ${literal(field.type)}, required: ${field.required} }`;
    case "tls":
      return `{ value: "", type: "tls-config", required: false }`;
    case "secret":
      return "";
    default: {
      const validate = validatorOf(set, name, field);
      const guarded = validate && `${unlessHidden(field, fields)}${validate}`;
      return `{ value: ${literal(field.default)}${guarded ? `, validate: function(value, opt) { ${guarded} return true; }` : ""} }`;
    }
  }
}

/** A configuration node that is required while its row is shown. Node-RED's own `required` says the property's name, in code. */
const configNode = (set: string, name: string, field: ConfigNodeField, fields: Fields): string => {
  const missing = `if (!chosen) { return ${labelled(set, name)} + this._("${set}.form.required"); }`;
  const wrong = `if (chosen.valid === false) { return ${labelled(set, name)} + this._("${set}.form.toSetUp"); }`;
  const check = `${unlessHidden(field, fields)}var chosen = RED.nodes.node(value); ${missing} ${wrong} return true;`;
  return `{ value: "", type: ${literal(field.type)}, validate: function(value, opt) { ${check} } }`;
};

/** The field's label, as the beginning of what is wrong with it. */
const labelled = (set: string, name: string): string => `this._("${set}.field.${name}") + ": "`;

/** What the form asks of a text. It lets pass whatever the node may understand: a wrong triangle is worse than a late one. */
const LOOKS: Readonly<Record<NonNullable<TextField["looksLike"]>, string>> = {
  schedule: String.raw`/^(?:@[a-z]+|(?:[\w*?,\/#+-]+\s+){4,6}[\w*?,\/#+-]+)$/i.test(value.trim())`,
  template: String.raw`/^(?:[^{]|\{(?!\{)|\{\{(?!\s*\}\})[^]+?\}\})*$/.test(value)`,
  zone: String.raw`/^(?:utc|z|[+-]\d{1,2}(?::?\d{2})?)$/i.test(value.trim()) || (function() { try { return Boolean(new Intl.DateTimeFormat("en", { timeZone: value.trim() })); } catch (error) { return false; } })()`,
};

/** Statements that return a message when the value is wrong. `${ENV}` always passes: only the runtime knows it. */
function validatorOf(set: string, name: string, field: Field): string {
  const say = (word: string, bound?: number): string =>
    `return ${labelled(set, name)} + this._("${set}.form.${word}")${bound === undefined ? "" : ` + " ${bound}"`};`;
  switch (field.kind) {
    case "number": {
      const checks = [
        `if (/\\$\\{.+\\}/.test(value)) { return true; }`,
        `if (value === "" || value === undefined || value === null) { ${field.required ? say("required") : "return true;"} }`,
        `if (!isFinite(value)) { ${say("notANumber")} }`,
        field.integer ? `if (Number(value) % 1 !== 0) { ${say("notWhole")} }` : "",
        field.min === undefined ? "" : `if (Number(value) < ${field.min}) { ${say("tooSmall", field.min)} }`,
        field.max === undefined ? "" : `if (Number(value) > ${field.max}) { ${say("tooLarge", field.max)} }`,
      ];
      return checks.filter((check) => check !== "").join(" ");
    }
    case "text":
    case "names": {
      const required = field.required ? `if (!value || !String(value).trim()) { ${say("required")} }` : "";
      const pattern =
        field.kind === "text" && field.pattern
          ? ` if (value && !/\\$\\{.+\\}/.test(value) && !new RegExp(${literal(`^(?:${field.pattern})$`)}, "u").test(value)) { ${say("pattern")} }`
          : "";
      const looks =
        field.kind === "text" && field.looksLike
          ? ` if (value && !/\\$\\{.+\\}/.test(value) && !(${LOOKS[field.looksLike]})) { ${say(field.looksLike)} }`
          : "";
      return `${required}${pattern}${looks}`.trim();
    }
    case "rows":
      return field.min > 0 ? `if (!value || value.length < ${field.min}) { ${say("tooFewRows")} }` : "";
    case "json":
      return `if (!value || !value.trim()) { ${field.required ? say("required") : "return true;"} } try { JSON.parse(value); } catch (error) { if (!/\\$\\{.+\\}/.test(value)) { return ${labelled(set, name)} + this._("${set}.form.notJson") + ": " + error.message; } }`;
    default:
      return "";
  }
}

function credentialsOf(fields: [string, Field][]): string[] {
  const secrets = fields.flatMap(([name, field]) =>
    field.kind === "secret" ? [`${name}: { type: ${field.visible ? '"text"' : '"password"'} }`] : [],
  );
  return secrets.length === 0 ? [] : [`credentials: { ${secrets.join(", ")} },`];
}

function portsOf(set: string, declaration: Declaration): string[] {
  const icon = declaration.icon ?? "font-awesome/fa-random";
  const ports = declaration.outputsFrom
    ? [
        `outputs: ${(declaration.fields[declaration.outputsFrom] as RowsField).default.length},`,
        `outputLabels: function(index) { var row = (this.${declaration.outputsFrom} || [])[index]; return row && row.${firstColumn(declaration)}; },`,
      ]
    : [
        `outputs: ${declaration.outputs?.length ?? 0},`,
        ...(declaration.outputs?.length
          ? [`outputLabels: function(index) { return this._("${set}.output." + index); },`]
          : []),
      ];
  return [
    `inputs: ${declaration.inputs ?? 0},`,
    ...ports,
    `icon: ${literal(icon)},`,
    ...(declaration.group === "sink" ? [`align: "right",`] : []),
  ];
}

const firstColumn = (declaration: Declaration): string =>
  Object.keys((declaration.fields[declaration.outputsFrom ?? ""] as RowsField).columns)[0] ?? "name";

function handlersOf(set: string, declaration: Declaration, fields: [string, Field][]): string[] {
  const prefix = prefixOf(declaration);
  const prepare: string[] = [];
  const save: string[] = [];
  const end: string[] = [];
  for (const [name, field] of fields) {
    const id = `#${prefix}-${name}`;
    if (field.kind === "typed") {
      prepare.push(
        `$("${id}").typedInput({ default: ${literal(field.defaultType)}, types: ${literal(field.types)}, typeField: "${id}Type" });`,
      );
    } else if (field.kind === "json") {
      prepare.push(
        `node.${name}Editor = RED.editor.createEditor({ id: "${prefix}-${name}-editor", mode: "ace/mode/json", value: $("${id}").val() });`,
      );
      save.push(`$("${id}").val(node.${name}Editor.getValue());`);
      end.push(`node.${name}Editor.destroy(); delete node.${name}Editor;`);
    } else if (field.kind === "rows") {
      const columns = Object.entries(field.columns).map(([column, { kind, ...rest }]) => ({
        name: column,
        kind,
        default: rest.default,
        ...("options" in rest ? { options: Object.keys(rest.options) } : {}),
      }));
      prepare.push(`citystreamRows(node, "${set}", "${id}-rows", "${name}", ${literal(columns)});`);
      save.push(`node.${name} = citystreamRowValues("${id}-rows", ${literal(columns)});`);
      if (declaration.outputsFrom === name) save.push(`node.outputs = node.${name}.length;`);
    }
  }
  if (fields.some(([, field]) => field.showIf)) prepare.push(`citystreamShowIf("${prefix}");`);
  if (declaration.testable) {
    const plain = fields.filter(([, field]) => field.kind !== "secret").map(([name]) => name);
    const secrets = fields.filter(([, field]) => field.kind === "secret").map(([name]) => name);
    prepare.push(`citystreamTest(node, "${set}", ${literal(plain)}, ${literal(secrets)});`);
  }
  if (declaration.view)
    prepare.push(`$("#${prefix}-citystream-view").on("click", function() { citystreamView(node, "${set}"); });`);
  const handler = (name: string, body: string[]): string[] =>
    body.length === 0
      ? []
      : [`${name}: function() {\n            var node = this;\n            ${body.join("\n            ")}\n        },`];
  return [
    ...handler("oneditprepare", prepare),
    ...handler("oneditsave", [...save, ...end]),
    ...handler("oneditcancel", end),
  ];
}
