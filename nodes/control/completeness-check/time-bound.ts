import { ConfigError, Rejected } from "../../lib/errors";
import { timeReader } from "../../lib/files/columns";
import { template } from "../../lib/template";

/**
 * Where a time begins or ends that is asked for.
 * @param source a time, or a template of one; empty: no bound
 * @param utcOffset of times that do not say theirs
 * @returns ms since the epoch for a message; throws Rejected when what its template makes is no time
 * @throws ConfigError when it is no time for any message
 */
export function timeBound(
  source: string,
  setting: string,
  utcOffset: string,
): (message: unknown) => number | undefined {
  if (source.trim() === "") return () => undefined;
  const text = template(source.trim(), setting);
  const read = timeReader([setting], utcOffset);
  const time = (message: unknown): number | undefined => {
    const value = text.render(message);
    try {
      return read?.({ [setting]: value });
    } catch (cause) {
      throw new Rejected(`${setting}: "${value}" is no time; write for example 2026-05-01T00:00:00+09:00`, { cause });
    }
  };
  if (!text.constant) return time;
  try {
    const always = time({});
    return () => always;
  } catch (error) {
    throw new ConfigError((error as Error).message, { cause: error });
  }
}
