/** The topics of a consumer as the user writes them: names, and patterns between slashes. */
import { ConfigError, messageOf } from "../../lib/errors";
import { checkTopicName } from "../../lib/kafka/topic-name";

/** @throws ConfigError naming what is neither a topic's name nor a pattern */
export const topicsOf = (names: readonly string[]): (string | RegExp)[] =>
  names.map((name) => {
    const pattern = /^\/(.+)\/(i?)$/.exec(name);
    try {
      if (pattern) return new RegExp(`^(?:${pattern[1]})$`, pattern[2]);
      checkTopicName(name);
      return name;
    } catch (error) {
      throw new ConfigError(`Topics: ${messageOf(error)}`, { cause: error });
    }
  });
