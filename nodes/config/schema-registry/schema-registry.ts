import { openRegistry } from "../../lib/registry/registry";
import { defineConfigNode } from "../../lib/node";
import { declaration } from "./declaration";

export = defineConfigNode(declaration, ({ settings }) => {
  const { urls, username, password, token, tls } = settings;
  const registry = openRegistry({
    urls,
    ...(username !== "" && { login: { user: username, password } }),
    ...(token !== "" && { token }),
    ...(tls && { tls }),
    limit: 20_000,
  });
  return {
    handle: registry,
    test: async () => ({ word: "found", values: await registry.about() }),
    close: () => registry.close(),
  };
});
