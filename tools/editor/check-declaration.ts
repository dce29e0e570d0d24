/** Rules that a declaration must keep, beyond what its type says. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { PackNode } from "./nodes";

/** Names that Node-RED itself puts on a node's configuration. */
const RESERVED = new Set([
  "id",
  "type",
  "z",
  "x",
  "y",
  "w",
  "h",
  "g",
  "d",
  "l",
  "name",
  "wires",
  "info",
  "inputs",
  "outputs",
  "credentials",
  "users",
  "icon",
  "color",
  "label",
]);

/** @returns what is wrong, one sentence each */
export function checkDeclaration({ set, declaration, output }: PackNode): string[] {
  const problems: string[] = [];
  const { fields } = declaration;
  const say = (problem: string): void => void problems.push(`${set}: ${problem}`);
  if (!existsSync(path.join(output, `${set}.js`))) say(`${set}.ts is missing beside its declaration`);
  for (const [name, field] of Object.entries(fields)) {
    if (RESERVED.has(name)) say(`field "${name}" would hide Node-RED's own property`);
    if (field.section && !declaration.sections?.[field.section])
      say(`field "${name}" names the section "${field.section}", which has no title`);
    if (field.showIf && !fields[field.showIf.field])
      say(`field "${name}" depends on "${field.showIf.field}", which does not exist`);
  }
  if (declaration.labelFrom && !fields[declaration.labelFrom]) say(`labelFrom names no field`);
  if (declaration.outputsFrom && fields[declaration.outputsFrom]?.kind !== "rows")
    say(`outputsFrom must name a rows field`);
  for (const [word, status] of Object.entries(declaration.statuses ?? {})) {
    if (status.length > 20) say(`status "${word}" is longer than 20 characters`);
  }
  return problems;
}
