/** Libraries in C that are laid under a process with LD_PRELOAD, to make its system calls go wrong. */
import { join } from "node:path";

/** Builds one into a folder. Answers with its path, or undefined where it cannot be built. */
export const buildShim = (source: string, folder: string): string | undefined => {
  if (process.platform !== "linux") return undefined;
  const library = join(folder, "shim.so");
  try {
    const { exitCode } = Bun.spawnSync(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], { stderr: "ignore" });
    return exitCode === 0 ? library : undefined;
  } catch {
    return undefined;
  }
};
