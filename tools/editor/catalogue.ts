/** Words of a node: English from its declaration, Korean from `ko.json` and the shared `nodes/lib/ko.json`. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { commonStatuses } from "../../nodes/lib/declare";
import type { ColumnField, Field } from "../../nodes/lib/fields";
import { ROOT, type PackNode } from "./nodes";

export interface Words {
  [key: string]: string | Words;
}

/** Words that the generated forms use themselves. */
const formWords = {
  name: "Name",
  add: "add",
  test: "Test connection",
  testing: "testing…",
  required: "required",
  notANumber: "not a number",
  notWhole: "not a whole number",
  tooSmall: "smaller than allowed:",
  tooLarge: "larger than allowed:",
  pattern: "not of the expected form",
  schedule: "not a schedule such as 0 * * * *",
  template: "a {{ is not closed, or holds nothing",
  zone: "not a time zone such as Asia/Seoul",
  tooFewRows: "too few rows",
  notJson: "not valid JSON",
  toSetUp: "is not set up completely",
};

/** The English catalogue, as generated. */
export function english({ declaration }: PackNode): Words {
  const view = declaration.view ? { view: declaration.view.button } : {};
  const words: Words = { label: declaration.label, form: { ...formWords, ...view } };
  const put = (kind: string, name: string, value: string | Words | undefined): void => {
    if (value === undefined) return;
    (words[kind] ??= {}) as Words;
    (words[kind] as Words)[name] = value;
  };
  if (declaration.notice) words["notice"] = declaration.notice;
  for (const [name, field] of Object.entries<Field>(declaration.fields)) {
    put("field", name, field.label);
    put("hint", name, field.hint);
    put("placeholder", name, field.placeholder);
    if (field.kind === "choice") put("option", name, { ...field.options });
    if (field.kind === "rows") {
      put(
        "column",
        name,
        mapValues(field.columns, (column: ColumnField) => column.label),
      );
      for (const [columnName, column] of Object.entries(field.columns)) {
        if (column.kind === "choice") put("option", `${name}-${columnName}`, { ...column.options });
      }
    }
  }
  for (const [name, title] of Object.entries(declaration.sections ?? {})) put("section", name, title);
  (declaration.outputs ?? []).forEach((label, index) => put("output", String(index), label));
  for (const [name, value] of Object.entries({ ...commonStatuses, ...declaration.statuses }))
    put("status", name, value);
  for (const [name, value] of Object.entries(declaration.words ?? {})) put("word", name, value);
  return words;
}

/** The Korean catalogue and the keys for which no words were found. */
export function korean(node: PackNode): { words: Words; missing: string[]; unused: string[] } {
  const own = readJson(path.join(node.source, "ko.json"));
  const shared = readJson(path.join(ROOT, "nodes/lib/ko.json")) as Record<string, string>;
  const missing: string[] = [];
  const used = new Set<string>();
  const translate = (source: Words, target: Words | undefined, at: string): Words =>
    Object.fromEntries(
      Object.entries(source).map(([key, value]) => {
        const found = target?.[key];
        const where = at ? `${at}.${key}` : key;
        if (typeof value !== "string")
          return [key, translate(value, typeof found === "object" ? found : undefined, where)];
        if (typeof found === "string") {
          used.add(where);
          return [key, found];
        }
        const common = shared[value];
        if (common === undefined) missing.push(where);
        return [key, common ?? value];
      }),
    );
  const words = translate(english(node), own, "");
  const unused = leaves(own).filter((key) => !used.has(key));
  return { words, missing, unused };
}

const leaves = (words: Words, at = ""): string[] =>
  Object.entries(words).flatMap(([key, value]) =>
    typeof value === "string" ? [`${at}${key}`] : leaves(value, `${at}${key}.`),
  );

const mapValues = <T>(object: Readonly<Record<string, T>>, map: (value: T) => string): Words =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));

const readJson = (file: string): Words => (existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Words) : {});
