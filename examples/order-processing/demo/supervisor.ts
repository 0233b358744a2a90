// Keeps the service running, as systemd or Kubernetes would, and kills it, as they sometimes do.

import type { Child } from "./processes.ts";

export type Supervisor = {
  /** The address of the service; waits while it is down. */
  readonly url: () => Promise<string>;
  /** SIGKILL, and a new start at once. */
  readonly kill: () => Promise<void>;
  /** SIGTERM: resolves with the exit code when it has closed in good order. */
  readonly stop: () => Promise<number>;
  readonly kills: () => number;
  /** How often the service ended without having been asked to. */
  readonly falls: () => number;
};

export const supervise = (start: () => Promise<Child>): Supervisor => {
  let kills = 0;
  let falls = 0;
  let wanted: Child | undefined;

  const restartAfter = async (child: Child): Promise<void> => {
    await child.exited;
    if (child === wanted) return;
    falls += 1;
    service = begin();
  };
  const begin = async (): Promise<Child> => {
    const child = await start();
    void restartAfter(child);
    return child;
  };
  let service = begin();

  return {
    url: async () => (await service).url,
    kill: async () => {
      const child = await service;
      wanted = child;
      child.signal("SIGKILL");
      kills += 1;
      service = child.exited.then(begin);
      await service;
    },
    stop: async () => {
      wanted = await service;
      wanted.signal("SIGTERM");
      return wanted.exited;
    },
    kills: () => kills,
    falls: () => falls,
  };
};
