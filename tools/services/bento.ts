/** Bento, a stream processor in Go, for benches: what is measured beside it. Tests never build it: it takes minutes. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache";
import { need, run } from "./programs";
import { progress } from "./progress";

const module_ = "github.com/warpstreamlabs/bento";
const version = "1.20.0";

/** Its own program takes every connector in; these are the ones that benches need. */
const source = `package main

import (
	"context"

	_ "${module_}/public/components/io"
	_ "${module_}/public/components/kafka"
	_ "${module_}/public/components/pure"
	_ "${module_}/public/components/pure/extended"
	"${module_}/public/service"
)

func main() { service.RunCLI(context.Background()) }
`;

/** The program's full path, built by Go once per machine: about three minutes. */
export async function bento(): Promise<string> {
  const program = process.platform === "win32" ? "bento.exe" : "bento";
  const folder = await cached(`bento-${version}`, async (making) => {
    const go = need("go", "Bento, for benches,");
    const step = progress(`bento ${version} by go build`);
    await writeFile(join(making, "main.go"), source);
    await writeFile(join(making, "go.mod"), `module bench\n\ngo 1.26\n\nrequire ${module_} v${version}\n`);
    let packages = 0;
    const line = (text: string): void =>
      step.update(text.startsWith("go: ") ? text : `${++packages} packages compiled, ${text}`);
    // GOTOOLCHAIN: an older Go fetches the one that the module asks for.
    const env = { GOFLAGS: "-modcacherw", GOTOOLCHAIN: "auto", CGO_ENABLED: "0" };
    await run(go, ["build", "-mod=mod", "-v", "-o", program, "."], { cwd: making, env, line });
    step.end("built");
  });
  return join(folder, program);
}
