/** The deny and the allow list: rows of the form, and files that are read again when they change. */
import { readFileSync, statSync, type Stats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { ConfigError, messageOf } from "../../lib/errors";
import type { NodeContext } from "../../lib/node-context";
import type { Listed } from "../../lib/stream/fraud/contract";
import type { Lists } from "../../lib/stream/fraud/read";

/** ms between looks at the files. */
const LOOK = 1000;

export interface OpenLists {
  readonly listOf: Lists;
  close(): void;
}

interface ListFile {
  readonly file: string;
  readonly setting: string;
  /** What the file's stat said when its values were read. */
  version: string;
  values: ReadonlySet<string>;
  failing: boolean;
}

/** Without remarks and empty lines. */
const valuesOf = (text: string): ReadonlySet<string> =>
  new Set(
    text
      .replace(/^\uFEFF/u, "")
      .split(/\r?\n/u)
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#")),
  );

const versionOf = ({ mtimeMs, size, ino }: Stats): string => `${mtimeMs} ${size} ${ino}`;

/** @throws ConfigError when a file cannot be read, or a value is in both lists */
export function openLists(
  node: Pick<NodeContext, "RED" | "log" | "warn">,
  rows: readonly { readonly list: Listed["list"]; readonly value: string }[],
  files: Readonly<Record<Listed["list"], string>>,
): OpenLists {
  const home = node.RED.settings.userDir ?? process.cwd();
  const written = { deny: new Set<string>(), allow: new Set<string>() };
  rows.forEach(({ list, value }, index) => {
    const other = list === "deny" ? written.allow : written.deny;
    if (other.has(value.trim()))
      throw new ConfigError(`Values: row ${index + 1}: "${value.trim()}" is in both lists; keep one of the rows`);
    written[list].add(value.trim());
  });
  const open = (name: string, setting: string): ListFile[] =>
    name.trim() === "" ? [] : [openFile(path.resolve(home, name.trim()), setting)];
  const denied = open(files.deny, "Deny file");
  const allowed = open(files.allow, "Allow file");
  const all = [...denied, ...allowed];

  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    for (const one of all) await again(one, node);
    looking = false;
  };
  const timer = all.length > 0 ? setInterval(() => void look(), LOOK).unref() : undefined;
  const has = (list: Listed["list"], of: readonly ListFile[], value: string): boolean =>
    written[list].has(value) || of.some(({ values }) => values.has(value));
  return {
    listOf(value) {
      if (has("deny", denied, value)) return "deny";
      return has("allow", allowed, value) ? "allow" : undefined;
    },
    close: () => clearInterval(timer),
  };
}

function openFile(file: string, setting: string): ListFile {
  try {
    // The version first: what changes while it is read is found at the next look.
    const version = versionOf(statSync(file));
    return { file, setting, version, values: valuesOf(readFileSync(file, "utf8")), failing: false };
  } catch (error) {
    throw new ConfigError(`${setting}: ${file} cannot be read: ${messageOf(error)}; it needs one value a line`);
  }
}

/** A file that cannot be read keeps the values it had: a list must not end because its file is being replaced. */
async function again(one: ListFile, node: Pick<NodeContext, "log" | "warn">): Promise<void> {
  try {
    const version = versionOf(await stat(one.file));
    if (version !== one.version) {
      one.values = valuesOf(await readFile(one.file, "utf8"));
      one.version = version;
      node.log(`${one.setting}: ${one.file} has changed, it holds ${one.values.size} values now`);
    }
    one.failing = false;
  } catch (error) {
    if (!one.failing)
      node.warn(
        `${one.setting}: ${one.file} cannot be read any more, its last ${one.values.size} values stay: ${messageOf(error)}`,
      );
    one.failing = true;
  }
}
