/** Installs the peers into this folder, where no user of Holdfast ever gets them. What cannot be installed is said, and not measured. */
export const install = (): void => {
  const installed = Bun.spawnSync([process.execPath, "install", "--frozen-lockfile", "--linker=hoisted"], {
    cwd: import.meta.dir,
    stdout: "ignore",
    stderr: "pipe",
  });
  if (installed.exitCode !== 0) console.error(`The peers could not be installed:\n${installed.stderr.toString().slice(-500)}`);
};
