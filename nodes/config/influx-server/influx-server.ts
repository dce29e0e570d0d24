import { influxFiles } from "../../lib/influx/files";
import { influxServer } from "../../lib/influx/server";
import type { InfluxTarget } from "../../lib/influx/target";
import { digest } from "../../lib/lake/directory";
import { defineConfigNode } from "../../lib/node";
import { declaration } from "./declaration";

export = defineConfigNode(declaration, ({ id, settings }) => {
  const { version, address } = settings;
  const handle: InfluxTarget =
    version === "files"
      ? influxFiles(address, digest(id))
      : influxServer({ ...settings, version, url: address, timeout: settings.timeout * 1000 });
  return {
    handle,
    async test() {
      const found = await handle.test();
      return { word: found.word, values: { version: found.version, address: handle.address } };
    },
    close: () => handle.close(),
  };
});
