/**
 * Completes package-lock.json with the platform builds of optional dependencies which a partial registry left out:
 * without their entries `npm ci` refuses the file. Run it after every change of dependencies, see docs/development.md.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "./editor/nodes";

interface Entry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const PROCESSORS: Readonly<Record<string, string>> = {
  arm: "arm",
  arm64: "arm64",
  ia32: "ia32",
  ppc64: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
  x64: "x64",
};

/** The entry of a platform build, from its name: `…-linux-arm64-musl`; undefined for any other package. */
function platformEntry(name: string, version: string): Entry | undefined {
  const words = name.replace(/^@[^/]+\//u, "").split("-");
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.map((word) => PROCESSORS[word]).find((found) => found !== undefined);
  if (!os || !cpu) return undefined;
  const libc = name.includes("musl")
    ? ["musl"]
    : os === "linux" && words.at(-1)?.startsWith("gnu")
      ? ["glibc"]
      : undefined;
  return { version, cpu: [cpu], ...(libc ? { libc } : {}), dev: true, optional: true, os: [os] };
}

const file = path.join(ROOT, "package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, Entry> };
let added = 0;
for (const entry of Object.values(lock.packages)) {
  if (!entry.dev) continue;
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] || !/^\d/u.test(version)) continue;
    const made = platformEntry(name, version);
    if (!made) continue;
    lock.packages[key] = made;
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`lock: added ${added} platform builds`);
