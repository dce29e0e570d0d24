/** Line protocol in files. https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/ */

const NEWLINE = 10;
const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;

/**
 * How many bytes of a file are whole lines: a crash may have torn the last one. Text fields may hold line breaks between
 * their quotes, which end no line; quotes in names and tags mean nothing.
 */
export function wholeLines(bytes: Uint8Array): number {
  let whole = 0;
  let inFields = false;
  let quoted = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH) at++;
    else if (quoted) quoted = byte !== QUOTE;
    else if (inFields && byte === QUOTE) quoted = true;
    else if (!inFields && byte === SPACE) inFields = true;
    else if (byte === NEWLINE) {
      inFields = false;
      whole = at + 1;
    }
  }
  return whole;
}
