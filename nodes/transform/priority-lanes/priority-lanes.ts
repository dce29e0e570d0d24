import { existsSync } from "node:fs";
import { batchOf } from "../../lib/batch";
import type { Message } from "../../lib/delivery/contract";
import { asError, messageOf, Retriable } from "../../lib/errors";
import { defineNode } from "../../lib/node";
import { nodeFolder } from "../../lib/node-folder";
import { paced } from "../../lib/paced";
import { bytesOfMessage } from "../../lib/spool/contents";
import { Overflow } from "../../lib/spool/overflow";
import { Stash } from "../../lib/spool/stash";
import { Pace } from "../../lib/stream/priority/pace";
import { Scheduler } from "../../lib/stream/priority/scheduler";
import { declaration } from "./declaration";
import { Exits } from "./exits";
import { InputHolds } from "./holds";
import {
  elementMessage,
  failureOf,
  highestPriority,
  KEPT,
  letGo,
  newInput,
  partOf,
  type Entry,
  type Input,
} from "./inputs";
import { laneOptions } from "./options";
import { shedError, Tally, type Shed } from "./tally";

const SHED = 1;
const REPORT = 2;
/** Messages are sent for so long at a stretch, ms; then others have their turn. */
const STRETCH = 8;
const MB = 1024 * 1024;

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const { lanes, scheduler: schedulerOptions, keyOf, deadlineOf } = laneOptions(settings);
  const scheduler = new Scheduler<Entry>(schedulerOptions);
  const pace = new Pace(settings.rate ?? Infinity);
  const most = settings.atOnce ?? Infinity;
  const tally = new Tally(lanes);
  const wires = (node.node as { wires?: readonly (readonly string[])[] } | undefined)?.wires ?? [];
  const isWired = (port: number): boolean => (wires[port]?.length ?? 0) > 0;
  /** Messages below that have not finished, and those of them that rest there in declared holds. */
  let underWay = 0;
  let resting = 0;
  let alarm: NodeJS.Timeout | undefined;
  let soon: NodeJS.Immediate | undefined;
  let trouble: string | undefined;
  /** What waits that no source would bring again. */
  let strangers = 0;

  const directory = nodeFolder(node, settings.folder || "citystream/lanes");
  const overflow = new Overflow<Entry>({
    levels: lanes.length,
    memoryBytes: settings.memory * MB,
    keep: KEPT,
    leaving: letGo,
    async open() {
      if (settings.disk === 0) return undefined;
      try {
        return await Stash.open({ directory, maxBytes: settings.disk * MB, trouble: onTrouble });
      } catch (error) {
        node.error(`Folder: ${messageOf(error)}`);
        onTrouble(asError(error));
        return undefined;
      }
    },
  });
  if (existsSync(directory)) overflow.prepare();

  const gate = node.gate({
    timeout: settings.timeout * 1000,
    onFlows: (running) => {
      if (running) pumpSoon();
    },
  });

  const full = (): boolean => scheduler.waiting >= settings.maxRecords || overflow.full;
  const holds = new InputHolds(node.hold, full);
  const show = paced(() => {
    const { waiting } = scheduler;
    if (trouble !== undefined) node.status("refuses", "red");
    else if (waiting > 0 && full()) node.status("full", "yellow", waiting);
    else if (overflow.stored > 0) node.status("disk", "yellow", waiting);
    else if (waiting > 0) node.status("waiting", "blue", waiting);
    else if (underWay > 0) node.status("passing", "green", underWay);
    else node.status("ready", "green");
  }, 500);
  function onTrouble(error: Error | undefined): void {
    if (error && error.message !== trouble) node.warn(`what waits stays in memory: ${error.message}`);
    trouble = error?.message;
    show();
  }
  /** All that is under way rests in sinks that gather records: they write what they have. */
  const relieve = paced(() => {
    if (resting > 0 && resting >= underWay && underWay >= most && scheduler.waiting > 0) gate.relieve();
  }, 250);

  /** Nothing of the entry waits any more; `error` when it did not pass. */
  function settle({ input, index }: Entry, error?: Error): void {
    if (error) input.failed.push({ index: index ?? 0, error });
    if (!input.tracked) strangers--;
    if (--input.waiting === 0) input.finish?.();
  }

  function admit(input: Input, index: number | undefined, message: Message, priority: number, record: Message): void {
    const arrived = Date.now();
    const level = scheduler.levelOf(priority);
    const key = keyOf(record);
    const lane = lanes[level];
    const deadline = Math.min(deadlineOf(record), arrived + (lane?.useful ?? Infinity));
    const bytes = bytesOfMessage(message);
    const entry: Entry = { message, input, index, key, arrived, level, bytes, resident: false };
    input.waiting++;
    input.bytes += bytes;
    if (!input.tracked) strangers++;
    scheduler.add({ value: entry, key, priority, arrived, deadline });
    overflow.add(entry);
    if (!gate.running || !lane) return;
    if (lane.most < Infinity && scheduler.waitingIn(level) > lane.most) shedOldest("class", level);
    if (settings.full === "shed" && scheduler.waiting > 1 && (overflow.full || scheduler.waiting > settings.maxRecords))
      shedOldest("full");
  }

  function shedOldest(why: Shed, level?: number): void {
    const arrival = scheduler.shed(level);
    if (arrival) void shed(arrival.value, why);
  }

  /** By the second output, never silently: where no wire takes it, the record fails. */
  async function shed(entry: Entry, why: Shed): Promise<void> {
    const { input, level, arrived } = entry;
    tally.drop(level, why);
    const lane = lanes[level]?.name ?? "";
    const waited = Date.now() - arrived;
    try {
      if (isStale(entry)) return drop(entry);
      if (!isWired(SHED)) {
        overflow.drop(entry);
        throw shedError(lane, waited, why);
      }
      await overflow.fetch(entry);
      if (!gate.running) throw new Retriable("flows are being deployed", { unreachable: true });
      entry.message["shed"] = { reason: why, class: lane, waited };
      gate.pass(entry.message, input.message, { ended: () => undefined, ...partOf(entry) }, SHED);
      settle(entry);
    } catch (error) {
      settle(entry, asError(error));
    }
  }

  /** Its record has ended elsewhere meanwhile: its source has closed, or brings it again. */
  const isStale = ({ input }: Entry): boolean => input.tracked && gate.ended(input.message);
  function drop(entry: Entry): void {
    overflow.drop(entry);
    settle(entry);
  }

  /** Lets go whose turn it is, as long as there is room below. */
  function pump(): void {
    if (node.closing || !gate.running) return;
    const until = performance.now() + STRETCH;
    if (settings.expired === "shed")
      for (const { value } of scheduler.expired(Date.now())) void shed(value, "deadline");
    let now = performance.now();
    while (underWay < most && pace.due <= (now = performance.now())) {
      if (now > until) {
        pumpSoon();
        break;
      }
      const next = scheduler.take(Date.now())?.value;
      if (!next) break;
      if (isStale(next)) {
        scheduler.finished(next.key);
        drop(next);
        continue;
      }
      underWay++;
      pace.took(performance.now());
      exits.add(next, overflow.fetch(next));
    }
    lookAgain(now);
    holds.recount();
    if (underWay >= most) relieve();
    show();
  }

  function pumpSoon(): void {
    soon ??= setImmediate(() => {
      soon = undefined;
      exits.go();
      pump();
    });
  }

  /**
   * When the rate lets the next one go, or a deadline passes.
   * @param seen when it was seen whose turn it is not: were the clock read again, a turn that has come meanwhile would be missed
   */
  function lookAgain(seen: number): void {
    clearTimeout(alarm);
    const waits: number[] = [];
    const pause = pace.due - seen;
    if (pause > 0 && scheduler.waiting > 0 && underWay < most) waits.push(pause);
    const deadline = settings.expired === "shed" ? scheduler.nextDeadline : undefined;
    if (deadline !== undefined) waits.push(deadline - Date.now());
    const wait = Math.min(...waits);
    if (Number.isFinite(wait)) alarm = setTimeout(pump, Math.min(Math.max(1, Math.ceil(wait)), 2 ** 31 - 1));
  }

  const exits = new Exits<Entry>(
    () => !node.closing && gate.running,
    (entry, error) => {
      if (!error) return send(entry);
      underWay--;
      scheduler.finished(entry.key);
      settle(entry, new Retriable(`what waited on disk can't be read: ${error.message}`));
    },
  );

  function send(entry: Entry): void {
    let rests = false;
    const rest = (now: boolean): void => {
      if (now !== rests) resting += now ? 1 : -1;
      rests = now;
    };
    tally.pass(entry.level);
    gate.pass(entry.message, entry.input.message, {
      ended() {
        rest(false);
        underWay--;
        scheduler.finished(entry.key);
        pump();
      },
      rests(held) {
        rest(held);
        relieve();
      },
      ...partOf(entry),
    });
    settle(entry);
  }

  function report(into: Record<string, unknown>): void {
    const payload = tally.report(scheduler, overflow, underWay);
    if (gate.running) gate.pass({ ...into, payload }, {}, { ended: () => undefined }, REPORT);
  }
  const reporting =
    settings.interval > 0 ? setInterval(() => report({ topic: "lanes" }), settings.interval * 1000) : undefined;

  function receive(message: Message): Promise<void> | void {
    if (message["action"] === "report") return report({ topic: message.topic ?? "lanes" });
    const tracked = gate.tracked(message);
    const isFull = full();
    if (isFull && !tracked && settings.full === "wait")
      throw new Retriable(`there is no more room: ${scheduler.waiting} wait, and nothing would bring this one again`);
    const batch = batchOf(message);
    const split = settings.batches === "split" ? batch : undefined;
    const input = newInput(message, tracked, split?.length);
    (split ?? [message]).forEach((element, index) => {
      try {
        const record = split ? elementMessage(message, index, element) : message;
        const priority = highestPriority(
          split || typeof message["priority"] === "number" ? [record] : (batch ?? [record]),
        );
        admit(input, split ? index : undefined, record, priority, split || !batch ? record : (batch[0] as Message));
      } catch (error) {
        input.failed.push({ index, error: asError(error) });
      }
    });
    pump();
    if (--input.waiting === 0) {
      const outcome = failureOf(input);
      if (outcome) throw outcome;
      return undefined;
    }
    holds.add(input, isFull);
    return new Promise((resolve, reject) => {
      input.finish = () => {
        input.endHold?.();
        const outcome = failureOf(input);
        if (outcome) reject(outcome);
        else resolve();
      };
    });
  }

  show();
  return {
    receive,
    async close() {
      show.stop();
      relieve.stop();
      clearTimeout(alarm);
      if (soon) clearImmediate(soon);
      clearInterval(reporting);
      gate.close();
      if (strangers > 0) node.warn(`${strangers} messages waited that no source brings again: they are lost`);
      await overflow.close();
    },
  };
});
