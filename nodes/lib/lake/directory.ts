/** Directories made from records: whatever a record says, it stays below the lake's root and in a place of its own. */
import { createHash } from "node:crypto";
import { ConfigError, Rejected } from "../errors";
import { type OtherPart, type Template, template } from "../template";
import { timePattern } from "../time-zone";

/** Characters that Hive escapes in partition names, and what could be taken for them or hides from the eye. */
const unsafe = /["#%'*/:?\\{}[\]^<>|]|[\p{C}\p{Zl}\p{Zp}]/u;

/** Longest name that HDFS and common file systems take, in bytes. */
const LONGEST_SEGMENT = 255;

/** Folder at the lake's root where files grow until they are renamed. */
export const TEMPORARY = "+tmp";

/**
 * One segment of a path from a record's value: `a/b` becomes `a%2Fb`, so nothing is lost and no two values meet.
 * Escaping is Hive's (`FileUtils.escapePathName`), which engines undo when they read `key=value` directories; characters
 * that only look like a separator (U+2215, U+FF0F …), controls, and invisible ones are escaped as well, text is kept in
 * Unicode's composed form.
 * @throws Rejected when no directory can be made of it: `.`, `..`, nothing, or more than 255 bytes
 */
export function safeSegment(value: string): string {
  let safe = "";
  for (const character of value.normalize("NFC")) {
    // a lone surrogate has no bytes of its own: its code point is escaped instead
    const suspicious = unsafe.test(character) || unsafe.test(character.normalize("NFKC")) || lookAlike.test(character);
    if (suspicious) {
      for (const byte of Buffer.from(character)) safe += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    } else safe += character;
  }
  const dots = safe.normalize("NFKC");
  if (safe.trim() === "" || /^\.+$/.test(dots))
    throw new Rejected(`The lake can't make a directory named "${value}" from this record`);
  // Hadoop's readers skip what begins with a dot or an underscore
  if (/^[._]/.test(safe) && !safe.includes("="))
    safe = `%${safe.charCodeAt(0).toString(16).toUpperCase()}${safe.slice(1)}`;
  if (Buffer.byteLength(safe) > LONGEST_SEGMENT)
    throw new Rejected(
      `The lake can't make a directory with a name of more than ${LONGEST_SEGMENT} bytes: "${value.slice(0, 40)}…"`,
    );
  return safe;
}

/** Slashes, backslashes and colons of other scripts that compatibility forms do not unify. */
const lookAlike = /[\u2044\u2215\u29F8\u2571\u27CB\u2216\u29F5\u29F9\u2236\uA789\u05C3\u02D0]/u;

/** Renders directories for records. */
export interface DirectoryTemplate {
  /** @throws Rejected when the record lacks a part, or the part can't be a directory */
  render(from: unknown): string;
}

/** Where times in directories come from. */
export interface DirectoryTime {
  /** ms since the epoch. @throws Rejected when a record has none */
  timeOf(from: unknown): number;
  /** See `timeZone`. */
  readonly zone: string;
}

/** `{{time:yyyy-MM-dd}}` */
const timePart =
  (setting: string, { timeOf, zone }: DirectoryTime): OtherPart =>
  (part) => {
    const [, pattern] = /^time:(.*)$/u.exec(part) ?? [];
    if (pattern === undefined) return undefined;
    if (pattern.includes("/"))
      throw new ConfigError(
        `${setting}: "{{${part}}}" would be one directory; write {{time:yyyy}}/{{time:MM}} for one below the other`,
      );
    const text = timePattern(pattern.trim(), zone, setting);
    return (from) => text(timeOf(from));
  };

/**
 * A directory such as `{{topic}}/dt={{payload.day}}` or `dt={{time:yyyy-MM-dd}}`: the slashes are those of the template;
 * a slash in a value is escaped. An empty template is the lake's root.
 * @param time without it, times are no part of a template
 * @throws ConfigError when the template is not one, or leads out of the lake
 */
export function directoryTemplate(source: string, setting: string, time?: DirectoryTime): DirectoryTemplate {
  const other = time && timePart(setting, time);
  const written = splitOutside(source.trim()).filter((segment) => segment !== "");
  const segments: readonly Template[] = written.map((segment, index) => {
    if (/^\.{1,2}$/.test(segment))
      throw new ConfigError(
        `${setting}: "${segment}" is not allowed in "${source}"; the directory lies below the lake's root`,
      );
    if (index === 0 && segment === TEMPORARY)
      throw new ConfigError(`${setting}: "${TEMPORARY}" is where the lake keeps unfinished files; choose another name`);
    return template(segment, setting, other);
  });
  const constant = segments.every((segment) => segment.constant);
  const render = (from: unknown): string => {
    const path = segments.map((segment) => safeSegment(segment.render(from))).join("/");
    return path === TEMPORARY || path.startsWith(`${TEMPORARY}/`) ? `%2B${path.slice(1)}` : path;
  };
  if (!constant) return { render };
  const fixed = render({});
  return { render: () => fixed };
}

/** Splits at slashes that are not inside of `{{…}}`. */
function splitOutside(source: string): string[] {
  return source.split(/\/(?![^{]*\}\})/u);
}

/** A short name for anything, safe in a path: for folders of groups and nodes. */
export const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);
