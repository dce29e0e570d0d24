import { pointMapping } from "../../lib/influx/points";
import { InfluxWriter } from "../../lib/influx/writer";
import { defineNode } from "../../lib/node";
import { gatheringSink } from "../../lib/node-sink";
import { declaration } from "./declaration";

export = defineNode(declaration, (node) => {
  const { server, measurement, tags, time, precision, ...settings } = node.settings;
  const fields = settings.fields.map(({ from, name, kind }) => ({ from, name, type: kind }));
  const mapped = pointMapping({ measurement, tags, fields, time, unit: precision });
  return gatheringSink(node, {
    open: (events) =>
      new InfluxWriter(server, {
        unit: precision,
        batch: settings.batch,
        linger: settings.linger,
        memory: settings.memory * 1024 * 1024,
        ...events,
      }),
    take(record, carrier, index) {
      const whole = record === carrier ? record : { topic: carrier.topic, ...record };
      return { ...mapped(whole, Date.now()), index };
    },
    failed: (records) => node.status("refused", "red", records),
    slow: "the server takes longer than records come",
    patient: "Points wait, none is lost.",
    again: `${server.address} takes points again`,
  });
});
