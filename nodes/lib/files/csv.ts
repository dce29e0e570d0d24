/** The fields of one row of CSV (RFC 4180), with any one-character separator. */
import { Rejected } from "../errors";

/**
 * @param text a row without its line end
 * @throws Rejected when a quote stands where none may
 */
export function csvFields(text: string, separator: string): string[] {
  if (!text.includes('"')) return text.split(separator);
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      const [field, after] = quotedField(text, at, separator);
      fields.push(field);
      at = after;
    } else {
      const end = text.indexOf(separator, at);
      const field = end < 0 ? text.slice(at) : text.slice(at, end);
      if (field.includes('"'))
        throw new Rejected(`column ${fields.length + 1} has a quote inside, but does not begin with one`);
      fields.push(field);
      at = end < 0 ? text.length + 1 : end + 1;
    }
    if (at > text.length) return fields;
  }
}

/** The field that begins with a quote at `start`, and where the next one begins (beyond the text after the last). */
function quotedField(text: string, start: number, separator: string): [string, number] {
  let field = "";
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) throw new Rejected("a quote is not closed");
    field += text.slice(at, quote);
    if (text[quote + 1] === '"') {
      field += '"';
      at = quote + 2;
      continue;
    }
    const after = quote + 1;
    if (after < text.length && text[after] !== separator)
      throw new Rejected(`"${text[after]}" follows a closing quote, where a separator or the end of the row should`);
    return [field, after + 1];
  }
}
