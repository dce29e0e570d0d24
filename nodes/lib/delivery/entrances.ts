/**
 * Where the ledger learns of messages: when one is delivered, received, completed. A function added to a hook costs every
 * message of the process about 0.1 µs at each of these points, in each node. So they are seen where Node-RED triggers
 * its hooks, before any function added to them: a twentieth of that. Where that can't be done, the hooks are used.
 */
import type { CompleteEvent, ReceiveEvent, Red, SendEvent, Trigger } from "./red";

/** Of our hooks. */
export const LABEL = "citystreamDelivery";

export interface Observer {
  delivering(event: SendEvent): void;
  receiving(event: ReceiveEvent): void;
  completing(event: CompleteEvent): void;
}

/** Tells `observer` of every message; the function that comes back ends that and leaves Node-RED as it was. */
export const watchMessages = (hooks: Red["hooks"], observer: Observer): (() => void) => {
  const { trigger } = hooks;
  if (typeof trigger !== "function" || trigger.length !== 3) {
    // A hook is a function of one argument: others are waited for.
    hooks.add(`preDeliver.${LABEL}`, (event: SendEvent) => observer.delivering(event));
    hooks.add(`onReceive.${LABEL}`, (event: ReceiveEvent) => observer.receiving(event));
    hooks.add(`onComplete.${LABEL}`, (event: CompleteEvent) => observer.completing(event));
    return () => {
      for (const hook of ["preDeliver", "onReceive", "onComplete"]) hooks.remove(`${hook}.${LABEL}`);
    };
  }
  let watching = true;
  const watched: Trigger = (hook, event, done) => {
    if (watching) {
      if (hook === "preDeliver") observer.delivering(event as SendEvent);
      else if (hook === "onReceive") observer.receiving(event as ReceiveEvent);
      else if (hook === "onComplete") observer.completing(event as CompleteEvent);
    }
    return trigger(hook, event, done);
  };
  hooks.trigger = watched;
  return () => {
    watching = false;
    // Who has wrapped it since keeps what he wrapped, which does nothing of its own any more.
    if (hooks.trigger === watched) hooks.trigger = trigger;
  };
};
