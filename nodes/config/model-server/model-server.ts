import { openModelServer, type ModelServer } from "../../lib/forecast/server/server";
import { defineConfigNode } from "../../lib/node";
import { declaration } from "./declaration";

export = defineConfigNode(declaration, ({ settings }) => {
  const { protocol, address, model, version, versionLabel, signature, format, tls, timeout, retries } = settings;
  const handle: ModelServer = openModelServer({
    protocol,
    address,
    model: {
      name: model.trim(),
      version: version.trim(),
      label: versionLabel.trim(),
      signature: signature.trim(),
      format,
    },
    tensors: { input: settings.input.trim(), output: settings.output.trim() },
    header: { name: settings.header, secret: settings.secret },
    tls,
    timeout: timeout * 1_000,
    batch: { size: settings.batchSize, delay: settings.batchDelay, parallel: settings.parallel },
    retries,
    breaker: { failures: settings.breakerFailures, pause: settings.breakerPause * 1_000 },
  });
  return {
    handle,
    test: async () => ({ word: "found", values: await handle.about() }),
    close: () => handle.close(),
  };
});
