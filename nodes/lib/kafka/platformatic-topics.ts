/** Watches the topics of a group: new ones that a pattern matches, new partitions, and those that are not there. */
import { Retriable } from "../errors";
import { countsOf } from "./platformatic-admin";
import type { Group } from "./platformatic-group";
import type { Link } from "./platformatic-link";
import { sleep } from "./sleep";

/** How often, in ms; while a topic is missing, sooner. */
const INTERVAL = 10_000;
const MISSING_INTERVAL = 2000;

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((x, n) => x === b[n]);

/**
 * Until the signal aborts. Makes the group share out anew when the subscribed topics are others, or a topic that this
 * member shares out as leader has another number of partitions.
 */
export const watchTopics = async (
  link: Link,
  topics: () => Promise<readonly string[]>,
  group: Group,
  signal: AbortSignal,
  missing: (trouble: Error | undefined) => void,
): Promise<void> => {
  while (!signal.aborted) {
    let interval = INTERVAL;
    try {
      const own = await topics();
      const absent = [...(await countsOf(link, own))].filter(([, count]) => count === 0).map(([topic]) => `"${topic}"`);
      const { subscribed, shared } = group;
      const counts = await countsOf(link, [...shared.keys()]);
      const grown = [...counts].some(([topic, count]) => count !== shared.get(topic));
      const changed = (subscribed !== undefined && !same(subscribed, own)) || (group.shared === shared && grown);
      if (absent.length > 0) interval = MISSING_INTERVAL;
      missing(
        absent.length === 0
          ? undefined
          : new Retriable(`Topic ${absent.join(", ")} does not exist or may not be read; waiting until it does`),
      );
      if (changed && !signal.aborted) group.rejoin();
    } catch {
      // The group and the fetches say what is wrong with the connection.
      interval = MISSING_INTERVAL;
    }
    await sleep(interval, signal);
  }
};
