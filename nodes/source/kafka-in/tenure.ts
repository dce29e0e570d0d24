/** The time in which this process has a partition without a break: rebalances that leave it here do not end it. */
import { setTimeout as wait } from "node:timers/promises";
import type { Tenure } from "../../lib/delivery/contract";
import type { TopicPartition } from "../../lib/kafka/port";

/** When the coordinator is asked again, in ms. */
const AGAIN = 100;

export class OwnTenure implements Tenure {
  readonly topic: string;
  readonly partition: number;
  private ended = false;

  /** @param isMember asks the coordinator under the present assignment; throws when that is out of reach */
  constructor(
    { topic, partition }: TopicPartition,
    private readonly isMember: () => Promise<boolean>,
  ) {
    this.topic = topic;
    this.partition = partition;
  }

  get over(): boolean {
    return this.ended;
  }

  end(): void {
    this.ended = true;
  }

  /** What is no yes now, of a group that rebalances or can't be reached, becomes a yes later, or the end. */
  async confirm(): Promise<boolean> {
    for (;;) {
      const yes = !this.ended && (await this.isMember().catch(() => false));
      if (this.ended) return false;
      if (yes) return true;
      await wait(AGAIN);
    }
  }
}
