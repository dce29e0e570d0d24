/**
 * Help texts as Node-RED's editor can show them. It ends a property's description at its last colon and knows no line breaks in
 * it (renderMarkdown in its red.js: descriptionList, description), so both are taken out of the way here.
 */

/** A property: ": name (type) : description", indented where it belongs to an output. */
const PROPERTY = /^( *): ([^:\n]+?) ?\(([^:\n]+)\) : (.*)$/u;
/** In ordinary text the editor takes this for a property, too. */
const TAKEN_FOR_ONE = /:[^:\n]+\([^:\n]+\).*?:/u;
const COLON = "&#58;";

const escapeCode = (code: string): string =>
  code.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(":", COLON);

/** The same to read, without a colon in the source. */
const withoutColons = (text: string): string =>
  text
    .split(/(`[^`]+`)/u)
    .map((part) => {
      if (!part.includes(":")) return part;
      return part.startsWith("`") ? `<code>${escapeCode(part.slice(1, -1))}</code>` : part.replaceAll(":", COLON);
    })
    .join("");

/** @param problem told of lines that begin like a property and are none */
export function helpPage(markdown: string, problem: (text: string) => void): string {
  return markdown
    .trim()
    .replace(/^ *: .*(?:\n(?! *: |\n|#|\d+\. ).*)*/gmu, (lines) => lines.replace(/ *\n */gu, " "))
    .split("\n")
    .map((line) => {
      if (!/^ *: /u.test(line)) return TAKEN_FOR_ONE.test(line) ? withoutColons(line) : line;
      const [, indent = "", name, type, description] = PROPERTY.exec(line) ?? [];
      if (name === undefined || type === undefined || description === undefined) {
        problem(`"${line}" is no property: write ": name (type) : description"`);
        return line;
      }
      return `${indent}: ${name} (${type}) : ${withoutColons(description)}`;
    })
    .join("\n");
}
