/** Topics that a producer says Kafka does not take now: what lasts is told, a leader that moves is not. */
export interface HeldTopics {
  /** The producer's `held`. */
  tell(topic: string, why: Error | undefined): void;
  /** Whether this is the trouble of one topic alone. */
  isOfTopic(error: Error): boolean;
  close(): void;
}

/** @param lasts is called when a topic has been held for `patience` ms, and again after as long while that goes on */
export const heldTopics = (patience: number, lasts: (topic: string, why: Error) => void): HeldTopics => {
  const timers = new Map<string, NodeJS.Timeout>();
  const errors = new WeakSet<Error>();
  return {
    tell(topic, why) {
      if (!why) {
        clearTimeout(timers.get(topic));
        timers.delete(topic);
        return;
      }
      errors.add(why);
      if (timers.has(topic)) return;
      const timer = setTimeout(() => {
        timers.delete(topic);
        lasts(topic, why);
      }, patience);
      timers.set(topic, timer.unref());
    },
    isOfTopic: (error) => errors.has(error),
    close() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
};
