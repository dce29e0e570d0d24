/** The edit form of a node: plain rows as a Node-RED veteran writes them. */
import type { Declaration } from "../../nodes/lib/declare";
import type { Field } from "../../nodes/lib/fields";
import type { PackNode } from "./nodes";

const ICONS: Readonly<Partial<Record<Field["kind"], string>>> = {
  names: "list",
  secret: "key",
  config: "cog",
  tls: "lock",
  json: "code",
  rows: "table",
  number: "sliders",
  choice: "bars",
};

/** Inputs are named `node-input-x`, in config nodes `node-config-input-x`. */
export const prefixOf = (declaration: Declaration): string =>
  declaration.group === "config" ? "node-config-input" : "node-input";

const STYLE = `<style>
    .citystream-form .form-row > label { width: 150px; vertical-align: middle; }
    .citystream-form .form-row > input[type=text], .citystream-form .form-row > input[type=password],
    .citystream-form .form-row > input[type=number], .citystream-form .form-row > select,
    .citystream-form .form-row > .red-ui-typedInput-container { width: calc(100% - 160px) !important; }
    .citystream-form .form-row > input[type=checkbox] { width: auto; margin: 0 6px 0 0; vertical-align: baseline; }
    .citystream-form .citystream-hint { margin: 2px 0 0 154px; max-width: 400px; font-size: 0.9em; color: var(--red-ui-secondary-text-color); }
    .citystream-form details { border-top: 1px solid var(--red-ui-secondary-border-color); padding: 8px 0; }
    .citystream-form summary { cursor: pointer; margin-bottom: 8px; font-weight: 500; }
    .citystream-form .citystream-code { height: 200px; min-height: 120px; }
</style>`;

/** The `<style>` and `<script type="text/html">` parts of a node's page. */
export function formOf({ set, declaration }: PackNode): string {
  const prefix = prefixOf(declaration);
  const rowsIn = (section: string | undefined): string =>
    Object.entries(declaration.fields)
      .filter(([, field]) => field.section === section)
      .map(([name, field]) => rowOf(set, prefix, name, field))
      .join("");
  const sections = Object.keys(declaration.sections ?? {})
    .map(
      (section) => `    <details>
        <summary data-i18n="${set}.section.${section}"></summary>
${rowsIn(section)}    </details>
`,
    )
    .join("");
  const notice = declaration.notice ? `    <div class="form-tips" data-i18n="${set}.notice"></div>\n` : "";
  const test = declaration.testable
    ? `    <div class="form-row">
        <button type="button" class="red-ui-button" id="${prefix}-citystream-test"><i class="fa fa-plug"></i> <span data-i18n="${set}.form.test"></span></button>
        <div id="${prefix}-citystream-found" role="status" style="margin-top: 6px; white-space: pre-wrap"></div>
    </div>
`
    : "";
  const view = declaration.view
    ? `    <div class="form-row">
        <button type="button" class="red-ui-button" id="${prefix}-citystream-view"><i class="fa ${declaration.view.icon ?? "fa-envelope-open-o"}"></i> <span data-i18n="${set}.form.view"></span></button>
    </div>
`
    : "";
  return `${STYLE}

<script type="text/html" data-template-name="${declaration.type}">
<div class="citystream-form">
${notice}${view}    <div class="form-row">
        <label for="${prefix}-name"><i class="fa fa-tag"></i> <span data-i18n="${set}.form.name"></span></label>
        <input type="text" id="${prefix}-name" data-i18n="[placeholder]${set}.form.name">
    </div>
${rowsIn(undefined)}${sections}${test}</div>
</script>`;
}

function rowOf(set: string, prefix: string, name: string, field: Field): string {
  const id = `${prefix}-${name}`;
  const condition = field.showIf
    ? ` data-if="${field.showIf.field}" data-is="${field.showIf.is.map((value) => escape(String(value))).join(" ")}"`
    : "";
  const label = `<label for="${id}"><i class="fa fa-${ICONS[field.kind] ?? "pencil"}"></i> <span data-i18n="${set}.field.${name}"></span></label>`;
  const hint = field.hint ? `\n        <div class="citystream-hint" data-i18n="${set}.hint.${name}"></div>` : "";
  return `    <div class="form-row"${condition}>
        ${label}
        ${inputOf(set, id, name, field)}${hint}
    </div>
`;
}

function inputOf(set: string, id: string, name: string, field: Field): string {
  const placeholder = field.placeholder ? ` data-i18n="[placeholder]${set}.placeholder.${name}"` : "";
  switch (field.kind) {
    case "flag":
      return `<input type="checkbox" id="${id}">`;
    case "choice": {
      const options = Object.keys(field.options)
        .map((value) => `<option value="${escape(value)}" data-i18n="${set}.option.${name}.${value}"></option>`)
        .join("");
      return `<select id="${id}">${options}</select>`;
    }
    case "secret":
      return `<input type="${field.visible ? "text" : "password"}" id="${id}"${placeholder} autocomplete="new-password">`;
    case "json":
      return `<textarea id="${id}" style="display: none"></textarea>
        <div class="node-text-editor citystream-code" id="${id}-editor"></div>`;
    case "rows":
      return `<ol id="${id}-rows"></ol>`;
    case "config":
    case "tls":
      // Node-RED replaces this input by a list of the width that its style names.
      return `<input type="text" id="${id}" style="width: calc(100% - 160px)">`;
    case "typed":
      return `<input type="text" id="${id}"><input type="hidden" id="${id}Type">`;
    default:
      return `<input type="text" id="${id}"${placeholder}>`;
  }
}

const escape = (value: string): string =>
  value.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
